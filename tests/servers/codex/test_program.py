"""Where the program is found: the native one is preferred to npm's launcher and to shims."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_models.servers.codex import program
from mcp_models.servers.core import errors


def test_the_native_program_behind_npms_launcher(codex_program: Path) -> None:
    found = program.find({"PATH": str(codex_program.parent)})
    assert found.endswith("/bin/codex")
    assert "vendor" in found
    assert program.find({"OPENAI_CODEX_BIN": str(codex_program)}) == found


@pytest.mark.parametrize("where", ["@openai/codex/node_modules", "."])
def test_npm_puts_it_below_the_launchers_package_or_beside_it(tmp_path: Path, where: str) -> None:
    launcher = tmp_path / "@openai" / "codex" / "bin" / "codex.js"
    native = tmp_path / where / "@openai" / "codex-linux-x64" / "vendor" / "x" / "bin" / "codex"
    for path in (launcher, native):
        path.parent.mkdir(parents=True)
        path.touch()
        path.chmod(0o755)
    assert program.native(str(launcher)) == str(native)


def test_without_a_native_one_the_launcher_will_do(tmp_path: Path) -> None:
    launcher = tmp_path / "bin" / "codex.js"
    assert program.native(str(launcher)) == str(launcher)


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


def write_manager(kind: str, home: Path, answer: Path | str) -> Path:
    """Write a version manager whose shim only works in the user's home, and return the shim."""
    says = f'#!/bin/sh\n[ "$HOME $*" = "{home} which codex" ] && echo "{answer}"\n'
    shim = home / ".data" / "shims" / "codex"
    write_program(home / "bin" / kind, says)
    if kind == "asdf":
        write_program(shim, '#!/usr/bin/env bash\n# asdf-plugin: nodejs 24.1.0\nexec asdf exec "codex" "$@"\n')
        return shim
    write_program(home / "bin" / "volta-shim", "#!/bin/sh\nexit 126\n")
    shim.parent.mkdir(parents=True)
    shim.symlink_to(home / "bin" / ("volta-shim" if kind == "volta" else kind))
    return shim


@pytest.mark.parametrize("kind", ["mise", "volta", "asdf"])
def test_the_program_behind_a_version_managers_shim(kind: str, codex_program: Path, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    shim = write_manager(kind, tmp_path, codex_program)
    assert program.find({**env, "OPENAI_CODEX_BIN": str(shim)}) == program.native(str(codex_program))


@pytest.mark.parametrize("kind", ["mise", "volta", "asdf"])
@pytest.mark.parametrize("answer", ["", "codex", "/nowhere/codex"])
def test_a_shim_whose_manager_does_not_know_is_run_itself(kind: str, answer: str, tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    shim = write_manager(kind, tmp_path, answer)
    assert program.find({**env, "OPENAI_CODEX_BIN": str(shim)}) == str(shim)


def test_the_catalogue_is_made_pure(codex_program: Path, tmp_path: Path) -> None:
    models = program.catalogue(
        program.native(str(codex_program.resolve())), {"HOME": str(tmp_path), "CODEX_HOME": str(tmp_path)}
    )
    assert len(models) > 5
    assert {model["shell_type"] for model in models} == {"disabled"}
    assert {model["tool_mode"] for model in models} == {"direct"}


def test_a_program_that_is_not_there_is_an_error_with_its_cure(tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigurationError, match="is not on PATH"):
        program.find({"PATH": str(tmp_path)})
    with pytest.raises(errors.ConfigurationError, match="OPENAI_CODEX_BIN names /nowhere"):
        program.find({"PATH": str(tmp_path), "OPENAI_CODEX_BIN": "/nowhere"})
    (tmp_path / "broken").write_text("no program")
    (tmp_path / "broken").chmod(0o755)
    with pytest.raises(errors.ConfigurationError, match="cannot be run"):
        program.run(str(tmp_path / "broken"), env={})


@pytest.mark.parametrize(
    ("text", "said"),
    [("echo hello", "is no codex"), ("echo codex-cli 0.1.0", "codex 0.1.0 is too old"), ("echo codex 99.0.0", "")],
)
def test_its_version_is_checked(text: str, said: str, tmp_path: Path) -> None:
    write_program(tmp_path / "codex", f"#!/bin/sh\n{text}\n")
    if not said:
        program.check_version(str(tmp_path / "codex"), {})
        return
    with pytest.raises(errors.ConfigurationError, match=said):
        program.check_version(str(tmp_path / "codex"), {})


@pytest.mark.parametrize("text", ["echo", "echo '[]'", "echo '{}'", "echo '{\"models\": 5}'"])
def test_a_program_without_a_list_of_models_is_an_error(text: str, tmp_path: Path) -> None:
    write_program(tmp_path / "codex", f"#!/bin/sh\n{text}\n")
    with pytest.raises(errors.ConfigurationError, match="does not list its models"):
        program.catalogue(str(tmp_path / "codex"), {})


def test_the_login_status_is_its_first_line_that_is_no_warning(tmp_path: Path) -> None:
    write_program(tmp_path / "codex", "#!/bin/sh\necho WARNING: x\necho 'Logged in using ChatGPT' >&2\n")
    assert program.login_status(str(tmp_path / "codex"), {}) == "Logged in using ChatGPT"
    write_program(tmp_path / "codex", "#!/bin/sh\nexit 3\n")
    assert program.login_status(str(tmp_path / "codex"), {}) == "exit code 3"


def test_a_program_that_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "RUN_SECONDS", 0.1)
    write_program(tmp_path / "codex", "#!/bin/sh\nexec sleep 60\n")
    with pytest.raises(errors.ConfigurationError, match=r"did not end within 0\.1 s"):
        program.run(str(tmp_path / "codex"), env={"PATH": "/usr/bin:/bin"})
