"""Which runs may go on while a login may be renewed, and what happens to a login that cannot be saved."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from mcp_models.servers.codex import login as logins
from mcp_models.servers.codex.login import LOCK_FILE, Login, RefreshLock
from mcp_models.servers.core import errors
from tests.fakes.chatgpt import FakeChatGPT


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[FakeChatGPT]:
    with FakeChatGPT(tmp_path) as fake:
        yield fake


def the_login(fake: FakeChatGPT, home: Path, seconds: float = 3600) -> Login:
    found = logins.read(fake.log_in(home, seconds))
    assert isinstance(found, Login)
    return found


async def test_until_the_service_has_accepted_it_one_run_goes_alone(fake: FakeChatGPT, tmp_path: Path) -> None:
    login, refresh_lock, order = the_login(fake, tmp_path), RefreshLock(), []
    first_is_in, go_on = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        async with refresh_lock.hold(login) as accepted:
            order.append("first")
            first_is_in.set()
            await go_on.wait()
            order.append("accepted")
            accepted()
            await second_is_in.wait()

    second_is_in = asyncio.Event()

    async def second() -> None:
        await first_is_in.wait()
        async with refresh_lock.hold(login):
            order.append("second")
            second_is_in.set()

    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        tasks.create_task(first())
        tasks.create_task(second())
        await first_is_in.wait()
        go_on.set()
    assert order == ["first", "accepted", "second"]


async def test_a_run_that_failed_lets_the_next_one_try(fake: FakeChatGPT, tmp_path: Path) -> None:
    login, refresh_lock = the_login(fake, tmp_path), RefreshLock()
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            async with asyncio.timeout(5), refresh_lock.hold(login):
                raise ZeroDivisionError


async def test_the_wait_for_another_process_is_bounded(
    fake: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logins, "LOCK_SECONDS", 0.2)
    with FileLock(tmp_path / LOCK_FILE):
        async with asyncio.timeout(5), RefreshLock().hold(the_login(fake, tmp_path)):
            pass  # the login is valid for an hour, so the lock is only a precaution
        with pytest.raises(errors.CallTimeoutError, match="renewing the ChatGPT login"):
            async with RefreshLock().hold(the_login(fake, tmp_path, seconds=-60)):
                pass


async def test_a_cancelled_wait_holds_nothing(fake: FakeChatGPT, tmp_path: Path) -> None:
    login, refresh_lock = the_login(fake, tmp_path), RefreshLock()
    with FileLock(tmp_path / LOCK_FILE), pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2), refresh_lock.hold(login):
            pass
    async with asyncio.timeout(5), refresh_lock.hold(login):
        pass


def test_a_login_that_cannot_be_saved_is_not_used(fake: FakeChatGPT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    login = the_login(fake, tmp_path)
    logins.check_writable(login)
    monkeypatch.setattr(os, "access", lambda path, mode: path != login.path)  # not by permissions, as root may run the tests
    with pytest.raises(errors.ConfigurationError, match=r"read-only.*chmod u\+w"):
        logins.check_writable(login)


def test_a_login_does_not_hold_its_tokens(fake: FakeChatGPT, tmp_path: Path) -> None:
    shown = repr(the_login(fake, tmp_path))
    assert fake.access_token not in shown
    assert fake.refresh_token not in shown


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "holds no tokens"),
        ("{}", "holds no tokens"),
        ('{"OPENAI_API_KEY": "sk-made-up-0123456789", "tokens": {}}', "holds an API key"),
        ('{"auth_mode": "apikey", "tokens": {"access_token": "a"}}', "holds no tokens"),
        ('{"tokens": {"access_token": "a", "refresh_token": " ", "id_token": "c"}}', "holds no tokens"),
    ],
)
def test_a_file_that_is_no_login_is_described(text: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "WRITING_SECONDS", 0)
    (tmp_path / logins.FILE).write_text(text)
    assert logins.read(tmp_path / logins.FILE) == said


def test_where_no_login_was_found_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".codex").mkdir()
    (tmp_path / ".codex" / logins.FILE).write_text("[]")
    with pytest.raises(logins.NoLoginError) as raised:
        logins.find({"HOME": str(tmp_path)})
    assert f"{tmp_path}/.config/openai/codex-home/{logins.FILE} does not exist" in raised.value.message
    assert f"{tmp_path}/.codex/{logins.FILE} holds no tokens" in raised.value.message
    (tmp_path / "folder" / logins.FILE).mkdir(parents=True)
    with pytest.raises(logins.NoLoginError, match="cannot be read"):
        logins.find({"CODEX_HOME": str(tmp_path / "folder")})


def test_the_login_in_the_users_home_is_found(fake: FakeChatGPT, tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    fake.log_in(tmp_path / ".codex")
    assert logins.find({"HOME": str(tmp_path)}).home == str(tmp_path / ".codex")


def test_a_file_that_may_not_be_read_is_an_error_with_its_cure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # as the user who runs the tests may be root
    with pytest.raises(errors.ConfigurationError, match=r"chmod u\+rw"):
        logins.read(tmp_path / logins.FILE)


@pytest.mark.parametrize("token", ["", "a.b", "a.b64.c", "a.e30.c", "a.W10.c"])
def test_a_token_that_does_not_tell_its_end_may_be_renewed_at_any_time(token: str, tmp_path: Path) -> None:
    tokens = f'{{"access_token": "x{token}", "refresh_token": "r", "id_token": "i"}}'
    (tmp_path / logins.FILE).write_text(f'{{"tokens": {tokens}}}')
    login = logins.read(tmp_path / logins.FILE)
    assert isinstance(login, Login)
    assert login.expires_soon()
