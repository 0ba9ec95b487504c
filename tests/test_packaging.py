"""The distribution: what the wheel contains, and that each server starts in each of the documented ways."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from mcp_models.servers import server_modules
from mcp_models.servers.presets import PRESETS
from tests.checkout import BIN, ROOT, build_wheel, copy_checkout, network_environment
from tests.fakes import SAMPLED
from tests.peer import Peer, call

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
SERVERS = sorted(server_modules())


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_the_wheels_only_top_level_name_is_mcp_models(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"mcp_models"}
    for needed in (
        "servers/openai_mcp_server.py",
        "servers/core/protocol.py",
        "client/server_handle.py",
        "client/usage/page.html.jinja",
        "client/py.typed",
        "servers/py.typed",
    ):
        assert f"mcp_models/{needed}" in names


USER = """
import asyncio

from mcp_models.client import CompletionResult, EchoMCPModel, MCPModel, Model, SessionError


def ask(model: Model, prompt: str) -> str:
    result: CompletionResult = model.call(prompt, temperature=0, timeout=5)
    if "error" in result:
        return f"{result['error_type']}: {result['error']}" + ("" if result["retryable"] else "!")
    return f"{result['output'].strip()} ({result['tokens_used']} tokens, {result['stop_reason']}, {result['warnings']})"


async def main() -> None:
    async with EchoMCPModel("echo") as model:
        print(ask(model, "a"), (await model.acall("b"))["output"])
        stream = model.astream("c")
        async for piece in stream:
            print(piece.upper())
        print(stream.result["model"])
        for piece in model.stream("d", stop=["END"]):
            print(piece.upper())
    with MCPModel("other", None, ["server"], api_key="k", env={"A": "b"}) as other:
        try:
            other.start()
        except SessionError as error:
            print(error.exit_code, error.stderr)


asyncio.run(main())
"""

WRONG = """
from mcp_models.client import EchoMCPModel

model = EchoMCPModel(timout=3)
model.call("x", top_pp=1)
model.call("x")["output"].strip()
for piece in model.stream("x"):
    piece["output"]
"""


def type_check(program: str, folder: Path, code: str, **environment: str) -> str:
    """Return what a type checker says about a user's file. It is configured with nothing but the interpreter to use."""
    (folder / "user.py").write_text(code)
    arguments = {
        "mypy": ["--strict", "--cache-dir", str(folder / "cache"), "--python-executable", sys.executable],
        "basedpyright": ["--level", "error", "--pythonpath", sys.executable],
    }
    command = [str(BIN / program), *arguments[program], "user.py"]
    done = subprocess.run(
        command, cwd=folder, env=network_environment(**environment), capture_output=True, text=True, timeout=100
    )
    return f"exit code {done.returncode}: {done.stdout}"


@pytest.mark.slow
@pytest.mark.parametrize("program", ["mypy", "basedpyright"])
def test_a_users_code_passes_a_strict_type_check_in_a_clone(program: str, tmp_path: Path) -> None:
    """The clone is only installed as editable, and nothing is built."""
    said = type_check(program, tmp_path, USER)
    assert said.startswith("exit code 0"), said


@pytest.mark.slow
def test_mypy_tells_an_answer_by_its_output_as_well(tmp_path: Path) -> None:
    said = type_check("mypy", tmp_path, USER.replace('if "error" in result', 'if result["output"] is None'))
    assert said.startswith("exit code 0"), said


@pytest.mark.slow
@pytest.mark.parametrize(("program", "errors"), [("mypy", 4), ("basedpyright", 4)])
def test_a_users_mistakes_are_found(program: str, errors: int, tmp_path: Path) -> None:
    said = type_check(program, tmp_path, WRONG)
    assert f"{errors} errors" in said, said


@pytest.mark.slow
def test_a_users_code_passes_with_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """The wheel has `py.typed`, and no part of the package counts as `Any`."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "installed")
    reveal = USER + "\nreveal_type(EchoMCPModel().call('x')['output'])\n"
    said = type_check("mypy", tmp_path, reveal, MYPYPATH=str(tmp_path / "installed"))
    assert 'Revealed type is "str | None"' in said.replace("builtins.", ""), said
    assert said.startswith("exit code 0"), said


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for name in ("servers", "client") for path in (ROOT / name).rglob("*.py")}
    packages = {"mcp_models." + ".".join(folder.relative_to(ROOT).parts) for folder in folders}
    assert set(PROJECT["tool"]["setuptools"]["packages"]) == packages


def test_no_folder_is_deeper_than_the_scripts_look() -> None:
    """run_with_env.sh and set_up_env.sh spell out how deep they look for new files."""
    for script in ("run_with_env.sh", "set_up_env.sh"):
        assert "{servers,client}{,/*,/*/*,/*/*/*}" in (ROOT / script).read_text()
    assert max(package.count(".") for package in PROJECT["tool"]["setuptools"]["packages"]) <= 4


def test_the_type_checkers_path_to_the_links_has_todays_version() -> None:
    version = importlib.metadata.version("mcp-models")
    assert f"__editable__.mcp_models-{version}-" in PROJECT["tool"]["mypy"]["mypy_path"]


def test_the_clone_is_installed_by_links_and_not_by_an_import_hook() -> None:
    """A hook costs each start 11 ms, and no editor can follow it."""
    assert not [finder for finder in sys.meta_path if "__editable__" in repr(finder)]
    assert (ROOT / "build" / f"__editable__.mcp_models-{importlib.metadata.version('mcp-models')}-py3-none-any").is_dir()


def test_every_server_has_its_console_script() -> None:
    scripts = PROJECT["project"]["scripts"]
    for name in SERVERS:
        entry = f"mcp_models.servers.__main__:{name}" if name in PRESETS else f"mcp_models.servers.{name}_mcp_server:main"
        assert scripts[f"{name.replace('_', '-')}-mcp-server"] == entry
    assert scripts["mcp-models"] == "mcp_models.client.commands:main"


def test_the_majors_of_all_dependencies_are_capped() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    listed = [
        PROJECT["project"]["dependencies"],
        *extras.values(),
        PROJECT["dependency-groups"]["dev"],
        PROJECT["build-system"]["requires"],
    ]
    for requirement in map(Requirement, (line for lines in listed for line in lines)):
        if requirement.name != "mcp-models":
            assert any(clause.operator == "<" for clause in requirement.specifier), requirement


def test_the_extra_all_has_every_other_and_the_tests_have_what_all_has() -> None:
    extras = dict(PROJECT["project"]["optional-dependencies"])
    own = {"charts", "batch", "ray"}  # 84, 165 and 500 MB
    for_teams = {"http-server", "http-client", "otel"}
    assert Requirement(extras.pop("all")[0]).extras == extras.keys() - own - for_teams
    extras.pop("ray")  # tests.batch has an environment with it
    assert {line for lines in extras.values() for line in lines} <= set(PROJECT["dependency-groups"]["dev"])


def test_the_lock_file_satisfies_every_requirement_and_pins_hashes() -> None:
    text = (ROOT / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^ \\]+)", text, re.MULTILINE))
    extras = [lines for name, lines in PROJECT["project"]["optional-dependencies"].items() if name != "ray"]
    wanted = [
        *PROJECT["project"]["dependencies"],
        *PROJECT["dependency-groups"]["dev"],
        *(line for lines in extras for line in lines),
    ]
    for requirement in map(Requirement, wanted):
        if requirement.name != "mcp-models":
            assert locked[requirement.name] in requirement.specifier, requirement
    assert text.count("\n    --hash=sha256:") >= len(locked)
    assert "http" not in re.sub(r"^[a-z0-9-]*http[a-z0-9-]*==", "", text, flags=re.MULTILINE).replace("httpx", "").replace(
        "http==", ""
    )


def test_the_version_is_one() -> None:
    from mcp_models.servers.core import __version__

    assert importlib.metadata.version("mcp-models") == __version__


WAYS = {
    "console script": lambda name: [str(BIN / f"{name.replace('_', '-')}-mcp-server")],
    "python -m": lambda name: [sys.executable, "-m", *server_modules()[name]],
    "python script": lambda name: [sys.executable, f"{ROOT}/servers/{name}_mcp_server.py"],
    "run_with_env.sh": lambda name: ["bash", f"{ROOT}/run_with_env.sh", f"servers/{name}_mcp_server.py"],
}


@pytest.mark.parametrize(
    ("name", "way"),
    [
        (name, way)
        for name in SERVERS
        for way in WAYS
        if name not in PRESETS or way == "console script" or (name, way) == ("groq", "python -m")
    ],
)
def test_it_starts(name: str, way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHON", sys.executable)
    with Peer(*WAYS[way](name), cwd=tmp_path) as server:
        assert server.initialize()["result"]["serverInfo"]["name"] == f"{name.replace('_', '-')}-mcp-server"
        server.close_stdin()
        assert server.exit_code() == 0


@pytest.fixture(scope="session")
def uvx_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_checkout(tmp_path_factory.mktemp("uvx"))


@pytest.mark.slow
@pytest.mark.parametrize("name", SAMPLED)
def test_it_starts_with_uvx(name: str, uvx_checkout: Path) -> None:
    command = [
        str(BIN / "uvx"),
        "--quiet",
        "--python",
        sys.executable,
        "--from",
        str(uvx_checkout),
        f"{name.replace('_', '-')}-mcp-server",
    ]
    with Peer(*command, env=network_environment()) as server:
        server.initialize()
        answer = server.ask(call(1, {"prompt": "x", "timeout": 5}), seconds=60)["result"]
        if name == "echo":
            assert answer["content"][0]["text"] == "x"
        else:  # without a key or an SDK you get a sentence, not a crash
            assert answer["_meta"]["mcp-models/error"]["type"] == "configuration"
        server.close_stdin()
        assert server.exit_code() == 0
