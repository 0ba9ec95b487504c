"""Where the program lies: the native one is preferred to npm's launcher."""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_models.servers.codex import program


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


def test_the_catalogue_is_made_pure(codex_program: Path, tmp_path: Path) -> None:
    models = program.catalogue(
        program.native(str(codex_program.resolve())), {"HOME": str(tmp_path), "CODEX_HOME": str(tmp_path)}
    )
    assert len(models) > 5
    assert {model["shell_type"] for model in models} == {"disabled"}
    assert {model["tool_mode"] for model in models} == {"direct"}
