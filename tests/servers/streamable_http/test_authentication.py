"""Who may ask over HTTP: tokens from a file, and JWTs of an issuer that the test plays."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from mcp_models.servers.streamable_http import oauth, token_file
from mcp_models.servers.streamable_http.oauth import Issuer
from mcp_models.servers.streamable_http.refusal import Refusal
from mcp_models.servers.streamable_http.token_file import TokenFile, TokenRecord, digest, encoded, new_token
from tests.client.commands.run import invoke
from tests.fakes.endpoint import Endpoint, Reply, Request, json_reply
from tests.peer import call, request
from tests.servers.streamable_http.serving import Served, quiet_echo, serving

LIST = request(1, "tools/list")
KEY = rsa.generate_private_key(65537, 2048)
OTHER_KEY = rsa.generate_private_key(65537, 2048)


class FakeIssuer(Endpoint):
    """An OAuth issuer that publishes one key, and counts how often it is asked for it."""

    def answer(self, request: Request) -> Reply:
        if request.path == "/keys":
            key = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key()))
            return json_reply({"keys": [{**key, "kid": "one", "use": "sig", "alg": "RS256"}]})
        if request.path == "/.well-known/oauth-authorization-server":
            return json_reply({"issuer": self.url, "jwks_uri": f"{self.url}/keys"})
        return json_reply({}, 404)


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    return tmp_path / "tokens.json"


@pytest.fixture(scope="module")
def issuer() -> Iterator[FakeIssuer]:
    with FakeIssuer() as fake:
        yield fake


@pytest.fixture(scope="module")
def served(issuer: FakeIssuer) -> Iterator[Served]:
    with serving([quiet_echo()], authenticators=[Issuer(issuer.url)], issuer=issuer.url) as found:
        yield found


def status(served: Served, token: str) -> int:
    return served.post(LIST, authorization=f"Bearer {token}").status_code


def test_a_token_counts_from_when_it_is_added_to_when_it_is_removed(tokens: Path) -> None:
    with serving([quiet_echo()], authenticators=[TokenFile(str(tokens))]) as served:
        alice = invoke("tokens", "add", "alice", "--file", str(tokens)).stdout.strip()
        bob = invoke("tokens", "add", "bob", "--file", str(tokens)).stdout.strip()
        assert (status(served, alice), status(served, bob), status(served, alice[:-1])) == (200, 200, 401)
        invoke("tokens", "remove", "alice", "--file", str(tokens))
        assert (status(served, alice), status(served, bob)) == (401, 200)
        tokens.write_text("not JSON")
        assert status(served, bob) == 503
        tokens.unlink()
        assert status(served, bob) == 401


def test_a_request_without_a_valid_token_is_challenged_with_an_error_that_clients_read(tokens: Path) -> None:
    with serving([quiet_echo()], authenticators=[TokenFile(str(tokens))]) as served:
        for headers, challenge in (
            ({}, "Bearer"),
            ({"authorization": "Basic YTpi"}, "Bearer"),
            ({"authorization": "Bearer"}, "Bearer"),
            ({"authorization": "Bearer mcpm_made-up"}, 'Bearer error="invalid_token"'),
            ({"authorization": f"Bearer {'x' * 20_000}"}, 'Bearer error="invalid_token"'),
        ):
            response = served.post(LIST, "/echo/mcp", **headers)
            assert (response.status_code, response.headers["www-authenticate"]) == (401, challenge)
            assert response.json()["error"]["code"] == -32010
        assert served.client.get("/echo/mcp").status_code == 401
        assert served.client.get("/healthz").status_code == 200


def test_a_file_of_tokens_that_is_too_long_is_not_used(tokens: Path) -> None:
    tokens.write_bytes(encoded({"alice": TokenRecord(digest(new_token()), "2026-11-26")}) + b" " * token_file.MAX_BYTES)
    with pytest.raises(token_file.TokenFileError, match="is not what `mcp-models tokens` wrote"):
        token_file.read(str(tokens))


def test_the_file_of_tokens_holds_no_token_and_is_its_owners(tokens: Path) -> None:
    token = invoke("tokens", "add", "alice", "--budget", "20 USD/month", "--file", str(tokens)).stdout.strip()
    assert token not in tokens.read_text()
    assert tokens.stat().st_mode & 0o077 == 0
    listed = invoke("tokens", "list", "--file", str(tokens)).stdout
    assert listed.split() == ["alice", time.strftime("%Y-%m-%d", time.gmtime()), "20", "USD/month"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "a b"), "a caller's name has up to 64 letters"),
        (("add", "alice"), "alice has a token"),
        (("add", "carol", "--budget", "much"), "--budget: expected caps"),
        (("add", "carol", "--budget", "5 USD/day per provider"), "leave out `per provider`"),
        (("remove", "carol"), "carol has no token"),
    ],
)
def test_a_command_that_makes_no_sense_changes_nothing(tokens: Path, words: tuple[str, ...], said: str) -> None:
    tokens.write_bytes(before := encoded({"alice": TokenRecord(digest(new_token()), "2026-11-26")}))
    done = invoke("tokens", *words, "--file", str(tokens))
    assert (done.exit_code, done.stdout) == (3, "")
    assert said in done.stderr
    assert tokens.read_bytes() == before


def test_a_callers_name_is_in_the_ledger_and_their_budget_is_theirs_alone(tmp_path: Path, tokens: Path) -> None:
    from mcp_models.servers.echo_mcp_server import Echo

    ledger = tmp_path / "ledger.sqlite3"
    alice, bob = new_token(), new_token()
    tokens.write_bytes(
        encoded(
            {
                "alice": TokenRecord(digest(alice), "2026-11-26", "2 calls/month"),
                "bob": TokenRecord(digest(bob), "2026-11-26", "2 calls/month"),
            }
        )
    )
    with serving([Echo({"MCP_MODELS_LEDGER": str(ledger)})], authenticators=[TokenFile(str(tokens))]) as served:

        def said(token: str) -> str:
            message = call(1, {"prompt": "hello"}, modern=True)
            return str(served.post(message, authorization=f"Bearer {token}").json()["result"]["content"][0]["text"])

        assert [said(alice), said(bob), said(alice)] == ["hello"] * 3
        assert "the budget of 2 calls/month (alice) does not allow this call" in said(alice)
        assert said(bob) == "hello"
    with sqlite3.connect(ledger) as connection:
        rows = connection.execute("SELECT host, COUNT(*), SUM(refused) FROM calls GROUP BY host").fetchall()
    connection.close()
    assert rows == [("alice", 3, 1), ("bob", 2, 0)]


def token_of(issuer: FakeIssuer, served: Served, key: Any = KEY, kid: str = "one", alg: str = "RS256", **claims: Any) -> str:
    given = {"iss": issuer.url, "aud": f"{served.url}/echo/mcp", "sub": "alice", "exp": time.time() + 60, **claims}
    return jwt.encode({name: value for name, value in given.items() if value is not None}, key, alg, {"kid": kid})


def test_a_jwt_that_is_made_out_to_the_endpoint_is_valid(served: Served, issuer: FakeIssuer) -> None:
    assert status(served, token_of(issuer, served)) == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"aud": "https://elsewhere.example/mcp"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"sub": ""},
        {"nbf": time.time() + 3600},
        {"key": OTHER_KEY},
        {"kid": "two"},
        {"key": "a secret of thirty-two bytes, or so", "alg": "HS256"},
        {"key": None, "alg": "none"},
    ],
    ids=[
        *("another endpoint", "no endpoint", "another issuer", "expired", "for ever", "nobody", "no name", "not yet"),
        *("another key", "an unknown key", "a shared secret", "no signature"),
    ],
)
def test_any_other_jwt_is_not(served: Served, issuer: FakeIssuer, wrong: dict[str, Any]) -> None:
    assert status(served, token_of(issuer, served, **wrong)) == 401


def test_made_up_keys_do_not_make_the_server_ask_the_issuer_again_and_again(served: Served, issuer: FakeIssuer) -> None:
    status(served, token_of(issuer, served))
    asked = len(issuer.requests)
    for number in range(20):
        status(served, token_of(issuer, served, kid=f"made-up-{number}"))
    assert len(issuer.requests) == asked


def test_the_challenge_leads_to_the_issuer(served: Served, issuer: FakeIssuer) -> None:
    challenge = served.post(LIST).headers["www-authenticate"]
    place = f"{served.url}/.well-known/oauth-protected-resource/echo/mcp"
    assert challenge == f'Bearer resource_metadata="{place}"'
    metadata = served.client.get(place).json()
    assert (metadata["resource"], metadata["authorization_servers"]) == (f"{served.url}/echo/mcp", [issuer.url])


def test_an_issuer_that_cannot_be_reached_makes_the_server_unavailable_not_open() -> None:
    with serving([quiet_echo()], authenticators=[Issuer("http://127.0.0.1:9", "http://127.0.0.1:9/keys")]) as served:
        token = jwt.encode({"sub": "alice"}, KEY, "RS256", {"kid": "one"})
        assert status(served, token) == 503
        assert oauth.RETRY_SECONDS > 1


async def test_who_has_a_known_key_does_not_wait_for_one_that_is_made_up(
    served: Served, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth, "RETRY_SECONDS", -1)
    found, audience, silent = Issuer(issuer.url), f"{served.url}/echo/mcp", threading.Event()
    assert await found.caller(token_of(issuer, served), audience)
    monkeypatch.setattr(found, "_fetch_keys", lambda: silent.wait(20))
    made_up = asyncio.create_task(found.caller(token_of(issuer, served, kid="made-up"), audience))
    try:
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            assert await found.caller(token_of(issuer, served), audience)
        assert not made_up.done()
    finally:
        silent.set()
        made_up.cancel()


@pytest.mark.parametrize(
    "keys",
    [
        Reply(302, headers={"location": "/keys"}),
        Reply(200, b"<html>"),
        json_reply({"keys": "none"}),
        json_reply(
            {"keys": [{**json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key())), "kid": "one", "use": "enc"}]}
        ),
    ],
    ids=["a redirect", "a page", "no keys", "a key for encryption"],
)
async def test_keys_that_cannot_be_used_let_nobody_in(served: Served, issuer: FakeIssuer, keys: Reply) -> None:
    found = Issuer(issuer.url, f"{issuer.url}/keys")
    issuer.forget()
    issuer.script(keys)
    with pytest.raises(Refusal):
        await found.caller(token_of(issuer, served), f"{served.url}/echo/mcp")
    assert len(issuer.requests) == 1


def test_keys_do_not_come_in_plain_text_from_another_machine() -> None:
    with pytest.raises(ValueError, match="not a URL that keys may come from"):
        oauth._fetch("http://models.example.com/keys")
