"""The time in a message about a usage limit, and every row of the table of failures."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mcp_models.servers.codex.failures import from_codex, retry_after
from mcp_models.servers.codex.login import Login
from tests.chatgpt import expected, results, settings
from tests.fakes.chatgpt import FakeChatGPT
from tests.peer import Peer, call

NOW = datetime.datetime(2026, 11, 22, 16, 8, 30)
LOGIN = Login(path="/home/me/.codex/auth.json", account="a", token="t", expires=0)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("try again at 4:10 PM.", 150),
        ("try again at 4:08 AM.", 12 * 3600 + 30),  # that is tomorrow
        ("try again at 12:00 AM.", 7 * 3600 + 52 * 60 - 30 + 60),
        ("try again at Nov 25th, 2026 4:08 PM.", 3 * 86400 + 30),
        ("try again at Jan 1st, 2027 12:00 AM.", 39 * 86400 + 7 * 3600 + 52 * 60 + 30),
        ("try again at Nov 21st, 2026 4:08 PM.", 0),
        ("try again later.", None),
        ("try again at Foo 99th, 2026 4:08 PM.", None),
    ],
)
def test_the_time_of_a_limit(said: str, seconds: float | None) -> None:
    assert retry_after(said, NOW) == seconds


def test_an_error_shows_no_address_and_keeps_the_requests_id() -> None:
    error = from_codex("unexpected status 403 Forbidden: No., url: https://x.example/y, request id: req-1", LOGIN)
    assert (error.message, error.request_id, error.status) == ("unexpected status 403 Forbidden: No.", "req-1", 403)


@pytest.mark.slow
def test_a_service_that_is_not_there(tmp_path: Path) -> None:
    """Test all at the same time, as codex keeps trying for half a minute."""

    def ask_nobody(engine: str, what: str) -> str:
        folder = tmp_path / f"{engine}-{what}"
        folder.mkdir()
        with FakeChatGPT(folder) as fake:
            if what == "refused":
                fake.origin = "https://127.0.0.1:1"
            else:
                fake.accounts_status = 404
            fake.log_in(folder / "home")
            with Peer("openai", env={**settings(fake, folder / "home"), "OPENAI_CODEX_ENGINE": engine}) as server:
                error = server.ask(call(1, {"prompt": "Hello?"}), 90)["result"]["_meta"]["mcp-models/error"]
        return f"{error['type']}, retryable: {error['retryable']}"

    ways = [(engine, what) for engine in ("app-server", "exec") for what in ("refused", "not found")]
    with ThreadPoolExecutor(len(ways)) as pool:
        got = dict(zip(ways, pool.map(lambda way: ask_nobody(*way), ways), strict=True))
    assert got == dict.fromkeys(ways, "connection, retryable: True")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["app-server", "exec"])
def test_every_failure_of_the_service(engine: str, tmp_path: Path) -> None:
    record, _, rows = results(engine, tmp_path)
    assert (record["text"], record["auth_mode"]) == ("Hello from ChatGPT.", "chatgpt")
    wrong = [(row.does, got, row.gives) for row, got, _ in rows if not expected(row, got)]
    assert not wrong
    assert not [says for _, _, says in rows if "127.0.0.1" in says]
