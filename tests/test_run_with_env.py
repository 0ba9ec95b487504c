"""run_with_env.sh: `.env` as data, the environment made once, and one clear line for whatever is wrong."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import BIN, ROOT, copy_checkout, network_environment

WHERE = "import mcp_models.servers; print(list(mcp_models.servers.__path__)[0])"
PRINT_ENV = "import os, sys; print(repr(os.environ.get(sys.argv[1])))"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the script alone; PYTHON spares it an environment of its own."""
    shutil.copy(ROOT / "run_with_env.sh", tmp_path)
    (tmp_path / "show.py").write_text(PRINT_ENV)
    monkeypatch.setenv("PYTHON", sys.executable)
    return tmp_path


def run(project: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(project / "run_with_env.sh"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def value_of(project: Path, dotenv: str, name: str = "KEY") -> str | None:
    (project / ".env").write_bytes(dotenv.encode())
    done = run(project, "show.py", name)
    assert done.returncode == 0, done.stderr
    found: str | None = eval(done.stdout)
    return found


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("KEY=plain", "plain"),
        ("KEY=with spaces inside", "with spaces inside"),
        ("  export   KEY = padded  ", "padded"),
        ('KEY="quoted # not a comment"', "quoted # not a comment"),
        ('KEY="quoted" # comment', "quoted"),
        (r'KEY="a \"b\" \\ c"', 'a "b" \\ c'),
        ("KEY='single $HOME \"x\"'", 'single $HOME "x"'),
        ("KEY=value # comment", "value"),
        ("KEY=has#hash", "has#hash"),
        ("KEY=", ""),
        ("KEY= # comment", ""),
        ("KEY=a=b==", "a=b=="),
        ("KEY=$(touch pwned)`touch pwned`", "$(touch pwned)`touch pwned`"),
        ("KEY=${HOME}", "${HOME}"),
        ("KEY=*", "*"),
        ("KEY=crlf\r", "crlf"),
        ("\ufeffKEY=bom", "bom"),
        ("# comment\n\nKEY=last line without newline", "last line without newline"),
        ("KEY=first\nKEY=second", "first"),
        ("KEY=\u00fcml\u00e4ut", "\u00fcml\u00e4ut"),
    ],
)
def test_dotenv_is_data(project: Path, line: str, value: str) -> None:
    assert value_of(project, line) == value
    assert not (project / "pwned").exists()


def test_what_the_host_set_wins(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY", "")
    assert value_of(project, "KEY=from the file") == ""


@pytest.mark.parametrize("line", ["no equals sign", "KEY='unclosed", 'KEY="unclosed', "1KEY=x", "KEY-2=x"])
def test_a_bad_line_is_named_without_its_value(project: Path, line: str) -> None:
    (project / ".env").write_text(f"A=1\n{line}\n")
    done = run(project, "show.py", "KEY")
    assert done.returncode != 0
    assert "line 2" in done.stderr
    assert "unclosed" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_dotenv_that_is_no_file_is_said(project: Path) -> None:
    (project / ".env").mkdir()
    done = run(project, "show.py", "KEY")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "cannot read" in done.stderr


def test_without_dotenv_all_is_well(project: Path) -> None:
    assert run(project, "show.py", "KEY").stdout == "None\n"


def test_a_script_is_sought_in_the_project_and_only_then_in_the_current_folder(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("else where")
    (elsewhere / "show.py").write_text("print('not the project')")
    (elsewhere / "other.py").write_text("print('mine')")
    assert run(project, "show.py", "KEY", cwd=elsewhere).stdout == "None\n"
    assert run(project, "other.py", cwd=elsewhere).stdout == "mine\n"


def test_a_link_leads_to_the_checkout_and_touches_nothing_beside_itself(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / ".venv").mkdir()
    (elsewhere / ".env").write_text("KEY=of another project")
    (elsewhere / "run.sh").symlink_to(project / "run_with_env.sh")
    done = subprocess.run(["bash", str(elsewhere / "run.sh"), "show.py", "KEY"], capture_output=True, text=True)
    assert done.stdout == "None\n"
    assert (elsewhere / ".venv").exists()


def test_a_copy_of_the_script_alone_makes_no_environment(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHON")
    (project / ".venv").mkdir()
    done = run(project, "pytest")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "no checkout of mcp-models" in done.stderr
    assert (project / ".venv").exists()


@pytest.mark.parametrize(
    "name", ["line", "file", "number", "value", "root", "program", "venv", "bin", "keys", "i", "exported", "module", "here"]
)
def test_a_key_may_have_any_name(project: Path, name: str) -> None:
    assert value_of(project, f"{name}=x\nKEY=y", name) == "x"
    assert value_of(project, f"{name}=x\nKEY=y") == "y"


@pytest.mark.parametrize("name", ["_env_keys", "_env_values", "BASH_REMATCH", "UID", "_"])
def test_a_name_that_bash_or_the_script_uses_is_refused(project: Path, name: str) -> None:
    (project / ".env").write_text(f"KEY=x\n{name}=secret\n")
    done = run(project, "show.py", "KEY")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"line 2: bash and this script use the name {name}" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("text", "hint"),
    [("KEY=" + "x" * 10_000_000, "line 1: it has more than 65536 characters"), ("K=v\n" * 60_000, "more than 1000 lines")],
    ids=["one long line", "many lines"],
)
def test_a_dotenv_that_is_too_large_is_refused_in_good_time(project: Path, text: str, hint: str) -> None:
    (project / ".env").write_text(text)
    started = time.monotonic()
    done = run(project, "show.py", "KEY")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert hint in done.stderr
    assert time.monotonic() - started < 5


def test_a_dotenv_that_others_may_write_to_is_said(project: Path) -> None:
    (project / ".env").write_text("KEY=x")
    (project / ".env").chmod(0o666)
    done = run(project, "show.py", "KEY")
    assert done.stdout == "'x'\n"
    assert "chmod 600" in done.stderr


def test_nothing_in_the_current_folder_is_run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A host may start this in a folder that is not to be trusted, with keys in the environment."""
    hostile = tmp_path_factory.mktemp("hostile")
    for name in ("sys", "os", "fcntl", "venv", "logging", "platform", "encodings", "mcp_models"):
        (hostile / name).mkdir()
        (hostile / name / "__init__.py").write_text(f"open({str(hostile / 'run')!r}, 'w')")
    assert run(project, "-m", "platform", cwd=hostile).returncode == 0
    assert run(project, "-m", "mcp_models.servers.echo_mcp_server", cwd=hostile, input="").returncode == 0
    assert not (hostile / "run").exists()


def test_no_python_of_the_set_up_sees_the_current_folder() -> None:
    calls = re.findall(r'"\$(?:1|python|venv/bin/python)" (-\S+) (?:-c|-m)', (ROOT / "set_up_env.sh").read_text())
    assert len(calls) == 7
    assert set(calls) == {"-I"}


def test_another_shell_is_told_to_be_bash(project: Path) -> None:
    done = subprocess.run(["sh", str(project / "run_with_env.sh"), "show.py"], capture_output=True, text=True)
    if done.returncode:  # where sh is bash there is nothing to tell
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
        assert "this needs bash" in done.stderr


def test_cdpath_misleads_nobody(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDPATH", "/:/tmp")
    command = ["bash", f"{project.name}/run_with_env.sh", "show.py", "KEY"]
    assert subprocess.run(command, cwd=project.parent, capture_output=True, text=True).stdout == "None\n"


def test_a_module_and_a_program(project: Path) -> None:
    assert run(project, "-m", "platform").returncode == 0
    assert run(project, "python", "-c", "print(1)").stdout == "1\n"


def test_it_becomes_the_program_and_passes_its_exit_code_on(project: Path) -> None:
    (project / "exit.py").write_text("import os, sys; print(os.getpid()); sys.exit(7)")
    process = subprocess.Popen(["bash", str(project / "run_with_env.sh"), "exit.py"], stdout=subprocess.PIPE, text=True)
    assert process.communicate()[0] == f"{process.pid}\n"
    assert process.returncode == 7


def test_a_path_with_spaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "a folder"
    folder.mkdir()
    shutil.copy(ROOT / "run_with_env.sh", folder)
    (folder / "show.py").write_text(PRINT_ENV)
    monkeypatch.setenv("PYTHON", sys.executable)
    assert value_of(folder, "KEY=x") == "x"


@pytest.mark.parametrize(
    ("words", "code", "hint"),
    [
        ((), 2, "usage"),
        (("servers/nope_mcp_server.py",), 127, "no such file: servers/nope_mcp_server.py"),
        (("no-such-program",), 127, "no program no-such-program"),
        (("./show",), 2, "expected a .py file"),
    ],
)
def test_what_cannot_be_run_is_one_clear_line(project: Path, words: tuple[str, ...], code: int, hint: str) -> None:
    done = run(project, *words)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (code, "", 1)
    assert hint in done.stderr


def fake_program(folder: Path, name: str, body: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def bare_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with the system's basic tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in ("bash", "cat", "cmp", "head", "ls", "readlink", "rm", "sort", "touch"):
        (folder / tool).symlink_to(shutil.which(tool) or "")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("PYTHON", raising=False)
    return folder


@pytest.fixture
def checkout(project: Path) -> Path:
    """The same, with the files that make it look like a checkout."""
    for name in ("pyproject.toml", "requirements.lock"):
        (project / name).touch()
    shutil.copy(ROOT / "set_up_env.sh", project)
    return project


def test_no_python_is_said(checkout: Path, bare_path: Path) -> None:
    done = run(checkout, "pytest")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "Python 3.11 or newer is needed: install it" in done.stderr


def test_a_python_that_is_too_old_is_said(checkout: Path, bare_path: Path) -> None:
    fake_program(bare_path, "python3", "exit 1")
    done = run(checkout, "pytest")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "too old" in done.stderr
    assert not (checkout / ".venv").exists()


@pytest.mark.slow
def test_a_set_up_without_network_fails_with_a_clear_last_line(tmp_path: Path) -> None:
    checkout = copy_checkout(tmp_path)
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "PIP_EXTRA_INDEX_URL": "", "PIP_RETRIES": "0", "PIP_NO_CACHE_DIR": "1"}
    environment = network_environment(**nowhere, PIP_CONFIG_FILE=os.devnull, UV_OFFLINE="1", UV_NO_CACHE="1")
    environment["PATH"] = os.pathsep.join(p for p in environment["PATH"].split(os.pathsep) if Path(p) != BIN)
    done = run(checkout, "mcp-models", "--version", env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert "check the network and run this again" in done.stderr.splitlines()[-1]


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["uv", "pip"])
@pytest.mark.timeout(600)
def test_a_fresh_checkout_sets_itself_up_once_though_two_start_at_once(tmp_path: Path, tool: str) -> None:
    checkout = copy_checkout(tmp_path)
    environment = network_environment()
    others = [p for p in environment["PATH"].split(os.pathsep) if not (Path(p) / "uv").exists()]
    environment["PATH"] = os.pathsep.join([str(BIN), *others] if tool == "uv" else others)
    command = ["bash", str(checkout / "run_with_env.sh"), "mcp-models", "complete", "echo", "hello"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    both = [subprocess.Popen(command, env=environment, **pipes) for _ in range(2)]  # type: ignore[call-overload]
    results = [process.communicate(timeout=500) for process in both]
    assert [result[0] for result in results] == ["hello\n", "hello\n"], results
    assert sum("setting up" in result[1] for result in results) == 1
    again = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert (again.stdout, again.stderr) == ("hello\n", "")
    if tool == "uv":
        (checkout / "pyproject.toml").write_text((checkout / "pyproject.toml").read_text() + "\n[tool.nothing]\n")
        changed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        assert "setting up" in changed.stderr
        (checkout / "servers" / "new_file.py").write_text('"""Hold nothing."""\n')
        imports = ["bash", str(checkout / "run_with_env.sh"), "python", "-c", "import mcp_models.servers.new_file"]
        linked = subprocess.run(imports, env=environment, capture_output=True, text=True, check=True)
        assert "linking" in linked.stderr
        assert "setting up" not in linked.stderr
        copy = shutil.copytree(checkout, tmp_path / "a copy", symlinks=True)
        moved = subprocess.run(
            ["bash", str(copy / "run_with_env.sh"), "python", "-c", WHERE], env=environment, capture_output=True, text=True
        )
        assert moved.stdout.strip().startswith(str(copy)), moved.stderr
