"""Hostile paths: none leads out of the allowed folder, to a secret in it, or to something that is no file."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from mcp_models.servers.core.errors import ConfigurationError, InvalidRequestError
from mcp_models.servers.core.files import attach
from tests.servers.core.files.folders import DENIED, SECRET, ask, project

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has neither these links nor FIFOs")

PATHS = {
    "up": ("../outside/secret.txt", "`..` leads out"),
    "up from within": ("src/../../outside/secret.txt", "`..` leads out"),
    "up and down again": ("../project/src/auth.py", "`..` leads out"),
    "up after a dot": ("./.././outside/secret.txt", "`..` leads out"),
    "up at the end": ("src/..", "`..` leads out"),
    "up in a pattern": ("**/../../outside/*", "`..` leads out"),
    "absolute": ("/etc/passwd", "does not lie below"),
    "absolute, two slashes": ("//etc/passwd", "does not lie below"),
    "absolute, outside": ("OUTSIDE/secret.txt", "does not lie below"),
    "absolute, and up": ("ROOT/../outside/secret.txt", "`..` leads out"),
    "a sibling with the same beginning": ("ROOT-two/secret.txt", "does not lie below"),
    "the folder itself": ("ROOT/", "names no file"),
    "proc": ("/proc/self/environ", "does not lie below"),
    "proc's root": ("/proc/self/root/etc/passwd", "does not lie below"),
    "proc's cwd": ("/proc/self/cwd/src/auth.py", "does not lie below"),
    "a URL": ("file:///etc/passwd", "not there"),
    "a home": ("~/.profile", "not there"),
    "a backslash": ("..\\outside\\secret.txt", "not there"),
    "encoded": ("%2e%2e/outside/secret.txt", "not there"),
    "an empty path": ("", "names no file"),
    "a dot": (".", "names no file"),
    "NUL": ("src/auth.py\x00.png", "a character that no path"),
    "a line break": ("src\n/auth.py", "a character that no path"),
    "half of a pair": ("src/\ud800.py", "a character that no path"),
    "a long name": ("a" * 300, "too long"),
    "a long path": ("a/" * 900 + "a", "too long"),
    "a deep path": ("a/" * 70 + "a", "too deep"),
    "a link": ("link.txt", "link"),
    "behind a link": ("link/secret.txt", "link"),
    "behind a chain of links": ("chain/secret.txt", "link"),
    "a link up": ("docs/up/src/auth.py", "link"),
    "a link within": ("inner.md", "link"),
    "a link to itself": ("loop", "link"),
    "a link to nothing": ("dangling", "link"),
    "a link to proc": ("environ", "link"),
    "behind a link to proc": ("proc/self/environ", "link"),
    "a link to a device": ("zero", "link"),
    "a hard link": ("hard.txt", "hard link"),
    "a pipe": ("pipe", "not a regular file"),
    "a socket": ("socket", "not a regular file"),
    "a folder": ("src", "is a folder"),
    "below a file": ("src/auth.py/x", "not there"),
    "binary": ("program", "looks binary"),
    "not UTF-8": ("latin.txt", "looks binary"),
    "a key in a text": ("notes.txt", "private key"),
    "huge": ("huge.txt", "more than 32 MB"),
    "case": (".ENV", "environment variables"),
    "case of a key": ("Server.PEM", "a key"),
    "case of a folder": (".GIT/config", "version control"),
    "wide characters": ("\uff0e\uff45\uff4e\uff56", "environment variables"),
    "a dot that is none": ("\u2024env", "environment variables"),
    "composed otherwise": (".\u017fsh/config", "a folder of keys"),
    "a dot at the end": (".env.", "environment variables"),
    "a stream of Windows": (".env::$DATA", "environment variables"),
    "a pattern with a class": ("[.]env", "matches no file"),
    "a pattern for a dot": ("?env", "matches no file"),
    "a pattern for hidden files": (".e*", "environment variables"),
    "a pattern for keys": ("**/id_*", "a key"),
    "a pattern for pem": ("*.pem", "a key"),
    "a pattern in a folder of secrets": (".ssh/*", "a folder of keys"),
    "a pattern through a link": ("link/*", "link"),
    "a pattern that matches links": ("lin*/secret.txt", "matches no file"),
    "a pattern that matches a pipe": ("pip?", "matches no file"),
    "a pattern of many stars": ("*" * 200 + "x", "matches no file"),
    "a pattern of many folders": ("**/" * 60 + "x", "matches no file"),
    "a class without end": ("[" * 200, "matches no file"),
}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("hostile"))


@pytest.fixture(params=["by descriptor", "by name"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways of reading: the second is what Windows gets."""
    monkeypatch.setattr(attach, "BY_DESCRIPTOR", request.param == "by descriptor")


@pytest.mark.usefixtures("way")
def test_no_hostile_path_is_read_and_each_refusal_names_the_path_and_the_reason(root: Path) -> None:
    """All in one test, as each takes less than a millisecond."""
    for name, (path, reason) in {**PATHS, **{path: (path, "never attached, as it is") for path in DENIED}}.items():
        path = path.replace("ROOT", str(root)).replace("OUTSIDE", str(root.parent / "outside"))
        with pytest.raises(InvalidRequestError) as caught:
            ask(root, "src/auth.py", path)
        assert reason in caught.value.message, name
        assert SECRET not in caught.value.message
        assert caught.value.message.isprintable()
        assert path[:20] in caught.value.message or not path.isprintable(), name


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("pattern", ["**", "**/*", "*", "*/*", "*/*/*", "**/**/**/*", "[a-z]*"])
def test_no_pattern_finds_a_secret(root: Path, pattern: str) -> None:
    found = ask(root, pattern)
    assert SECRET not in str(found.request)
    assert found.files
    assert not {file.path for file in found.files} & {*DENIED, "link.txt", "inner.md", "pipe", "hard.txt", "notes.txt"}


@pytest.mark.parametrize("folder", ["/", "/proc", "/proc/self", "/sys", "/dev", "src", "/no/such/folder", "~", "ROOT/.ssh"])
def test_a_folder_that_is_no_projects_is_not_allowed(root: Path, folder: str) -> None:
    with pytest.raises(ConfigurationError, match="MCP_MODELS_FILES"):
        ask(folder.replace("ROOT", str(root)), "config")


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="this system has no file system of its own there")
def test_what_is_mounted_below_the_folder_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.servers.core.files import paths

    monkeypatch.setattr(paths, "_NOT_FILES", ())
    monkeypatch.setattr(os.path, "dirname", lambda path: path + "x")  # let the root folder pass
    with pytest.raises(InvalidRequestError, match="another file system"):
        ask("/", "proc/self/status")


def test_too_many_files_and_too_many_names_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.servers.core.files import patterns

    for number in range(51):
        (tmp_path / f"{number}.txt").write_text("x")
    with pytest.raises(InvalidRequestError, match="matches more than 50 files"):
        ask(tmp_path, "*.txt")
    with pytest.raises(InvalidRequestError, match="a call may attach 50 files"):
        ask(tmp_path, *(f"{number}.txt" for number in range(51)))
    monkeypatch.setattr(patterns, "MOST_NAMES", 50)
    with pytest.raises(InvalidRequestError, match="looks at more than 50 names"):
        ask(tmp_path, "1*.txt")
    (tmp_path / "a.md").write_text("x" * (2 * 1024 * 1024 + 1))
    with pytest.raises(InvalidRequestError, match="a text of more than 2 MB"):
        ask(tmp_path, "a.md")


@pytest.mark.parametrize("text", ["*a" * 40 + "b", "*a*a*/*a*/b", "**/a/" * 20 + "b", "a\n" * 501])
def test_a_gitignore_that_would_take_forever_is_not_used(tmp_path: Path, text: str) -> None:
    (tmp_path / ("a" * 200)).write_text("x")
    (tmp_path / ".gitignore").write_text(text)
    with pytest.raises(InvalidRequestError, match=r"\.gitignore cannot be used, as it has more than 500 lines, or a line with"):
        ask(tmp_path, "a*")


def test_a_search_ends_after_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mcp_models.servers.core.files import patterns

    (tmp_path / "a.md").write_text("x")
    monkeypatch.setattr(patterns, "SECONDS", -1)
    with pytest.raises(InvalidRequestError, match="name a folder to look in"):
        ask(tmp_path, "*.md")


class Swapping(threading.Thread):
    """Swap a name for a link and back, as fast as it goes, until it is stopped."""

    def __init__(self, name: Path, real: Path, link: Path) -> None:
        super().__init__(daemon=True)
        self._name, self._real, self._link, self._stopped = name, real, link, threading.Event()

    def run(self) -> None:
        away = self._name.with_name("away")
        while not self._stopped.is_set():
            os.rename(self._name, self._real)
            os.rename(self._link, self._name)
            os.rename(self._name, self._link)
            os.rename(self._real, self._name)
        assert not away.exists()

    def stop(self) -> None:
        self._stopped.set()
        self.join(10)


@pytest.mark.parametrize("swapped", ["folder", "file"])
def test_a_path_that_is_swapped_for_a_link_meanwhile_leads_nowhere(tmp_path: Path, swapped: str) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder, text in ((root / "sub", "fine"), (outside, SECRET)):
        folder.mkdir(parents=True)
        (folder / "data.txt").write_text(text)
    name = root / "sub" if swapped == "folder" else root / "sub" / "data.txt"
    link = tmp_path / "link"
    link.symlink_to(outside if swapped == "folder" else outside / "data.txt")
    thread = Swapping(name, tmp_path / "real", link)
    thread.start()
    read = refused = 0
    until = time.monotonic() + 0.4
    while time.monotonic() < until or not (read and refused):
        assert time.monotonic() < until + 20
        try:
            found = ask(root, "sub/data.txt")
        except InvalidRequestError:
            refused += 1
        else:
            read += 1
            assert SECRET not in str(found.request)
    thread.stop()
