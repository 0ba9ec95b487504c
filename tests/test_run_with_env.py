"""run_with_env.sh: `.env` is treated as data, the environment is made once, and each error is one clear line."""

from __future__ import annotations

import os
import re
import shutil
import stat
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import BIN, ROOT, copy_checkout, network_environment

WHERE = "import mcp_models.servers; print(list(mcp_models.servers.__path__)[0])"
PRINT_ENV = "import os, sys; print(repr(os.environ.get(sys.argv[1])))"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with only the script. PYTHON is set, so that it does not make an environment."""
    shutil.copy(ROOT / "run_with_env.sh", tmp_path)
    (tmp_path / "show.py").write_text(PRINT_ENV)
    monkeypatch.setenv("PYTHON", sys.executable)
    return tmp_path


def run(project: Path, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = ["bash", str(project / "run_with_env.sh"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def write_dotenv(project: Path, text: str | bytes, mode: int = 0o600) -> None:
    (project / ".env").write_bytes(text.encode() if isinstance(text, str) else text)
    (project / ".env").chmod(mode)


def value_of(project: Path, dotenv: str | bytes, name: str = "KEY") -> str | None:
    write_dotenv(project, dotenv)
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
    write_dotenv(project, f"A=1\n{line}\n")
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


@pytest.mark.parametrize("name", ["_env_keys", "_env_values", "BASH_REMATCH", "UID", "SECONDS", "_"])
def test_a_name_that_bash_or_the_script_uses_is_refused(project: Path, name: str) -> None:
    write_dotenv(project, f"KEY=x\n{name}=secret\n")
    done = run(project, "show.py", "KEY")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert f"line 2: bash and this script use the name {name}" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("name", ["root", "program", "python", "line", "key", "here", "index"])
def test_a_variable_of_the_callers_may_have_any_name(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "the caller's")
    assert value_of(project, f"{name}=x", name) == "the caller's"


def test_what_bash_sets_for_itself_does_not_hide_a_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSTNAME", raising=False)
    assert value_of(project, "HOSTNAME=example", "HOSTNAME") == "example"


def test_a_value_may_be_no_valid_text(project: Path) -> None:
    assert value_of(project, b'KEY="\xff\xfe"') == "\udcff\udcfe"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("KEY=" + "x" * 10_000_000, "more than 65536 bytes"),
        ("K=v\n" * 60_000, "more than 65536 bytes"),
        ("\n" * 2000, "1000 lines"),
    ],
    ids=["one long line", "many lines", "short lines"],
)
def test_a_dotenv_that_is_too_large_is_refused_in_good_time(project: Path, text: str, hint: str) -> None:
    write_dotenv(project, text)
    started = time.monotonic()
    done = run(project, "show.py", "KEY")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert hint in done.stderr
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    "text",
    ["KEY=" + " " * 65_000, 'KEY="' + '\\"' * 32_000 + '"', "KEY=" + " #" * 32_000, "K" * 65_000 + "=", "PATH=x\n" * 1000],
    ids=["blanks", "escaped quotes", "hashes", "a long name", "a thousand lines"],
)
def test_the_largest_dotenv_that_is_taken_costs_little(project: Path, text: str) -> None:
    write_dotenv(project, text)
    started = time.monotonic()
    assert run(project, "show.py", "KEY").returncode == 0
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("mode", "what"),
    [(0o600, None), (0o400, None), (0o640, "read"), (0o604, "read"), (0o620, "write to"), (0o666, "write to")],
)
def test_a_dotenv_that_others_can_open_is_said(project: Path, mode: int, what: str | None) -> None:
    write_dotenv(project, "KEY=x", mode)
    done = run(project, "show.py", "KEY")
    assert done.stdout == "'x'\n"
    said = f"run_with_env.sh: other users can {what} {project}/.env: run `chmod 600 {project}/.env`\n"
    assert done.stderr == (said if what else "")


def test_nothing_in_the_current_folder_is_run(project: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A host may start this in a folder that you do not trust, with keys in the environment."""
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
    if done.returncode:  # if sh is bash, there is nothing to report
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
    for tool in ("bash", "cmp", "cp", "ls", "mkdir", "mktemp", "mv", "readlink", "rm", "sort", "touch"):
        (folder / tool).symlink_to(shutil.which(tool) or "")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("PYTHON", raising=False)
    return folder


@pytest.fixture
def checkout(project: Path) -> Path:
    """The same folder, with the files that make it look like a checkout."""
    for name in ("pyproject.toml", "requirements.lock"):
        (project / name).touch()
    for name in ("servers/core/transport", "client/models"):
        (project / name).mkdir(parents=True)
        (project / name / "module.py").touch()
    shutil.copy(ROOT / "set_up_env.sh", project)
    return project


FAKE_UV = """
echo "$PWD: uv $*" >>"$UV_LOG"
mkdir -p .venv/bin build/__editable__.mcp_models-1/mcp_models
[ "$1" = venv ] && cp "$5" .venv/bin/python
exit 0
"""


@pytest.fixture
def ready(checkout: Path, bare_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose environment is made, by a `uv` that only writes down how it was called."""
    monkeypatch.setenv("UV_LOG", str(checkout / "uv.log"))
    fake_program(bare_path, "uv", FAKE_UV)
    fake_program(bare_path, "python3", "exit 0")
    (checkout / ".venv" / "bin").mkdir(parents=True)
    fake_program(checkout / ".venv" / "bin", "program", "echo ran")
    assert said_by_a_start(checkout) == ["setting up", "linking", "ready"]
    assert said_by_a_start(checkout) == []
    return checkout


def said_by_a_start(checkout: Path, **options: Any) -> list[str]:
    """Return the beginnings of the lines on stderr."""
    done = run(checkout, "program", **options)
    assert (done.returncode, done.stdout) == (0, "ran\n"), done.stderr
    return re.findall(r"^run_with_env.sh: (setting up|linking|ready|.*)", done.stderr, re.MULTILINE)


def test_a_start_runs_no_other_program(
    ready: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_dotenv(ready, "KEY=x")
    assert said_by_a_start(ready) == []  # looks at .env, which is new
    bash = shutil.which("bash")
    monkeypatch.setenv("PATH", str(tmp_path_factory.mktemp("empty")))
    done = subprocess.run([str(bash), str(ready / "run_with_env.sh"), "program"], capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("ran\n", "")


def replace_with_an_older(path: Path) -> None:
    path.write_text("# as unpacked from an archive\n")
    os.utime(path, (1, 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda root: (root / "pyproject.toml").write_text("[changed]"), ["setting up", "linking", "ready"]),
        (lambda root: (root / "requirements.lock").write_text("changed"), ["setting up", "linking", "ready"]),
        (lambda root: replace_with_an_older(root / "requirements.lock"), ["setting up", "linking", "ready"]),
        (lambda root: (root / "servers/core/transport/new.py").touch(), ["linking"]),
        (lambda root: (root / "client/new.json").touch(), ["linking"]),
        (lambda root: (root / "client/models/module.py").unlink(), ["linking"]),
        (lambda root: shutil.rmtree(root / "servers/core"), ["linking"]),
        (lambda root: shutil.rmtree(root / "build"), ["linking"]),
        (lambda root: os.utime(root / "pyproject.toml", (1, 1)), []),
        (lambda root: os.utime(root / "client/models"), []),
        (lambda root: (root / "servers/core/__pycache__").mkdir(), []),
        (lambda root: (root / "servers/core/transport/module.py").write_text("x = 1"), []),
    ],
)
def test_what_has_changed_is_noticed(ready: Path, change: Callable[[Path], object], said: list[str]) -> None:
    change(ready)
    assert said_by_a_start(ready) == said
    assert said_by_a_start(ready) == []


def test_a_file_that_comes_while_the_links_are_made_is_noticed(ready: Path, bare_path: Path) -> None:
    fake_program(bare_path, "uv", 'echo >"$PWD/client/meanwhile_$$.py"')
    (ready / "client" / "new.py").touch()
    assert said_by_a_start(ready) == ["linking"]
    fake_program(bare_path, "uv", "exit 0")
    assert said_by_a_start(ready) == ["linking"]
    assert said_by_a_start(ready) == []


def test_a_set_up_that_failed_is_tried_again(ready: Path, bare_path: Path) -> None:
    fake_program(bare_path, "uv", "exit 1")
    (ready / "client" / "new.py").touch()
    done = run(ready, "program")
    assert (done.returncode, done.stdout) == (1, "")
    assert "could not link" in done.stderr
    fake_program(bare_path, "uv", "exit 0")
    assert said_by_a_start(ready) == ["linking"]


def test_the_set_up_runs_in_the_project_and_the_program_where_it_was_started(
    ready: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """uv reads a `uv.toml` of the folder that it is run in."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    fake_program(ready / ".venv" / "bin", "program", "pwd -P >&2; echo ran")
    (ready / "pyproject.toml").write_text("[changed]")
    assert run(ready, "program", cwd=elsewhere).stderr.splitlines()[-1] == str(elsewhere)
    calls = (ready / "uv.log").read_text().splitlines()
    assert len(calls) == 5
    assert all(call.startswith(f"{ready}: uv ") for call in calls)


@pytest.mark.slow
def test_a_start_costs_little_more_than_bash_itself(ready: Path) -> None:
    write_dotenv(ready, "KEY=x")
    commands = (["bash", "-c", "exec .venv/bin/program"], ["bash", "run_with_env.sh", "program"])
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(50):
        for command, times in zip(commands, seconds, strict=True):
            started = time.perf_counter()
            subprocess.run(command, cwd=ready, capture_output=True, check=True)
            times.append(time.perf_counter() - started)
    assert statistics.median(seconds[1]) < 3 * statistics.median(seconds[0])


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
