"""Fake the service that `codex` uses with a ChatGPT login, with strict checks: accounts, renewal of tokens, completions.

It offers what codex 0.169.0 was seen to need. All tokens are made up. Neither codex nor this fake checks their signatures.
"""

from __future__ import annotations

import base64
import itertools
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import trustme
import zstandard

from tests.fakes.endpoint import Endpoint, Reply, Request, json_reply

TEXT = "Hello from ChatGPT."
ACCOUNT = "acct-made-up-0001"
BACKEND = "/backend-api"
_CLAIM = "https://api.openai.com/auth"

USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 5},
    "output_tokens": 10,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 30,
}


class FakeChatGPT(Endpoint):
    """ChatGPT's backend for codex, with one account.

    Attributes:
        strays: Requests to addresses that a completion does not need.
        refreshes: The refresh token of each attempt to renew, valid or not.
        refuses_refresh: Whether the login has ended, so that no renewal succeeds.
        refuses_tokens: Whether to refuse access tokens even if they are valid.
        origin: The address for completions.
        accounts_status: The status to answer requests about workspaces with.
        refresh_seconds: How long a renewal takes.
        of_model: What each model always answers, if not a greeting.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.strays: list[str] = []
        self.refreshes: list[str] = []
        self.refuses_refresh = self.refuses_tokens = False
        self.accounts_status = 200
        self.refresh_seconds = 0.0
        self.of_model: dict[str, Callable[[], Reply]] = {}
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._folder = folder
        self._ca = folder / "ca.pem"
        self.origin = f"https://127.0.0.1:{self.listen(self._tls())}"
        self.issue()

    def _tls(self) -> ssl.SSLContext:
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(self._ca))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1").configure_cert(context)
        return context

    def forget(self) -> None:
        super().forget()
        self.strays.clear()
        self.refreshes.clear()
        self.refuses_refresh = self.refuses_tokens = False
        self.accounts_status = 200
        self.refresh_seconds = 0.0
        self.of_model.clear()

    def environment(self) -> dict[str, str]:
        settings = [f'chatgpt_base_url="{self.url}{BACKEND}"', f'openai_base_url="{self.url}{BACKEND}/codex"']
        return {
            "OPENAI_CHATGPT_LOGIN_MODE": "true",
            "OPENAI_CODEX_CONFIG": "\n".join(settings),
            "CODEX_CA_CERTIFICATE": str(self._ca),
            "CODEX_REFRESH_TOKEN_URL_OVERRIDE": f"{self.url}/oauth/token",
        }

    def issue(self, seconds: float = 3600) -> dict[str, str]:
        """Return new tokens. The access token is valid for this many seconds, and earlier tokens become invalid."""
        now, number = int(time.time()), next(self._numbers)
        self._expires = now + seconds
        account = {
            "chatgpt_account_id": ACCOUNT,
            "chatgpt_plan_type": "plus",
            "chatgpt_user_id": "user-made-up",
            "user_id": "user-made-up",
        }
        common = {"iss": "https://auth.openai.com", "iat": now - 7200, "sub": "user-made-up", _CLAIM: account, "n": number}
        self.access_token = _jwt({**common, "exp": now + int(seconds), "aud": ["https://api.openai.com/v1"]})
        self.refresh_token = f"rt-made-up-{number:04}-{'x' * 24}"
        person = {"aud": ["app_EMoamEEZ73f0CkXaXp7hrann"], "email": "person@example.org", "email_verified": True}
        id_token = _jwt({**common, "exp": now + 3600, **person})
        return {"id_token": id_token, "access_token": self.access_token, "refresh_token": self.refresh_token}

    def revoke(self) -> None:
        """Invalidate the access token early. Its refresh token stays valid."""
        refresh_token = self.refresh_token
        self.issue()
        self.refresh_token = refresh_token

    def log_in(self, home: Path, seconds: float = 3600) -> Path:
        """Write a login as `codex login` does.

        Args:
            home: The folder of `auth.json`.
            seconds: How long its access token is valid. A negative number means that it has expired.
        """
        home.mkdir(parents=True, exist_ok=True)
        tokens = {**self.issue(seconds), "account_id": ACCOUNT}
        record = {
            "auth_mode": "chatgpt",
            "OPENAI_API_KEY": None,
            "tokens": tokens,
            "last_refresh": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        path = home / "auth.json"
        path.write_text(json.dumps(record))
        path.chmod(0o600)
        return path

    def decode(self, raw: bytes, headers: dict[str, str]) -> bytes:
        if headers.get("content-encoding") == "zstd":
            return zstandard.ZstdDecompressor().decompressobj().decompress(raw)
        return raw

    @property
    def turns(self) -> list[Request]:
        """The requests for completions."""
        return [request for request in self.requests if request.path.endswith("/codex/responses") and request.method == "POST"]

    def check(self, request: Request) -> Reply | None:
        if request.path == "/oauth/token":
            return None
        if request.path not in (
            f"{BACKEND}/wham/accounts/check",
            f"{BACKEND}/wham/settings/user",
            f"{BACKEND}/codex/responses",
        ):
            self.strays.append(f"{request.method} {request.path}")
            return json_reply({"detail": "Not Found"}, 404)
        good = request.headers.get("authorization") == f"Bearer {self.access_token}" and time.time() < self._expires
        if self.refuses_tokens or not good:
            return json_reply({"error": {"message": "Your authentication token has expired.", "code": "token_expired"}}, 401)
        if request.path.endswith("/responses"):
            if request.method == "GET":
                return json_reply({"detail": "Upgrade Required"}, 426)
            return _breach(request)
        return None

    def answer(self, request: Request) -> Reply:
        """Return the model's answer to a request for a completion."""
        behaviour = self.of_model.get(request.body["model"])
        return behaviour() if behaviour else stream()

    def _reply(self, request: Request) -> Reply:
        """Return the reply. Scripted replies are used only for completions that would be answered."""
        if refusal := self.check(request):
            return refusal
        if request.path.endswith("/responses"):
            return super()._reply(request)
        return self._answer_beside(request)

    def _answer_beside(self, request: Request) -> Reply:
        if request.path == "/oauth/token":
            return self._refresh(request)
        if request.path.endswith("/accounts/check"):
            return self._accounts()
        return json_reply({"detail": "Not Found"}, 404)

    def _refresh(self, request: Request) -> Reply:
        with self._lock:
            given = request.body.get("refresh_token", "")
            self.refreshes.append(given)
            time.sleep(self.refresh_seconds)
            if given != self.refresh_token or self.refuses_refresh:
                code = "refresh_token_invalidated" if self.refuses_refresh else "refresh_token_reused"
                said = "Your refresh token was already used or revoked. Please sign in again."
                return json_reply({"error": {"message": said, "type": "invalid_request_error", "code": code}}, 401)
            return json_reply(self.issue())

    def _accounts(self) -> Reply:
        account = {"id": ACCOUNT, "workspace_backend_origin": self.origin, "account_routing_override": "NO_CONSTRAINT"}
        more = {"name": None, "structure": "personal", "plan_type": "plus"}
        body = {"accounts": [{**account, **more}], "account_ordering": [ACCOUNT], "default_account_id": ACCOUNT}
        return json_reply(body if self.accounts_status == 200 else {"detail": "no"}, self.accounts_status)


def _breach(request: Request) -> Reply | None:
    """Return a refusal if codex would not send this request for a pure completion."""
    body = request.body
    rules = {
        "its account": request.headers.get("chatgpt-account-id") == ACCOUNT,
        "a stream": body.get("stream") is True,
        "nothing stored": body.get("store") is False,
        "no tools": body.get("tools") == [],
        "no instructions": "instructions" not in body,
        "zstd": request.headers.get("content-encoding") == "zstd",
    }
    broken = [rule for rule, kept in rules.items() if not kept]
    return json_reply({"detail": f"the fake expects {', '.join(broken)}"}, 400) if broken else None


def messages(request: Request) -> list[tuple[str, Any]]:
    """Return the messages in a completion's request: each one's role, and its text, or its parts if they are not all text."""
    found = []
    for item in request.body["input"]:
        parts = item.get("content", [])
        texts = [part.get("text") for part in parts]
        found.append((item.get("role", item["type"]), parts if None in texts else "".join(texts)))
    return found


def _jwt(claims: dict[str, Any]) -> str:
    parts = [{"alg": "RS256", "typ": "JWT", "kid": "made-up"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts]
    return ".".join([*encoded, base64.urlsafe_b64encode(b"made-up-signature-0123456789").rstrip(b"=").decode()])


def events(*records: dict[str, Any]) -> list[bytes]:
    """Return server-sent events, each named after its `type`."""
    return [f"event: {record['type']}\ndata: {json.dumps(record)}\n\n".encode() for record in records]


def created() -> list[bytes]:
    """Return the beginning of a stream."""
    response = {"id": "resp_1", "object": "response", "created_at": 1, "status": "in_progress", "model": "m", "output": []}
    return events({"type": "response.created", "response": response})


def delta(text: str) -> bytes:
    """Return a piece of text."""
    return events(
        {"type": "response.output_text.delta", "item_id": "msg_1", "output_index": 0, "content_index": 0, "delta": text}
    )[0]


def item_added() -> list[bytes]:
    """Return the beginning of a message."""
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    return events({"type": "response.output_item.added", "output_index": 0, "item": item})


def finished(*items: dict[str, Any], last: str = "completed", **fields: Any) -> list[bytes]:
    """Return the end of a stream: its complete items, and the response."""
    done = [{"type": "response.output_item.done", "output_index": i, "item": item} for i, item in enumerate(items)]
    response = {"id": "resp_1", "object": "response", "created_at": 1, "status": last, "output": list(items), "usage": USAGE}
    return events(*done, {"type": f"response.{last}", "response": {**response, **fields}})


def message(text: str) -> dict[str, Any]:
    """Return a complete message."""
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed", "content": content}


def text_chunks(*pieces: str) -> list[bytes]:
    """Return a complete answer in pieces."""
    return [*created(), *item_added(), *map(delta, pieces), *finished(message("".join(pieces)))]


def stream(*pieces: str) -> Reply:
    """Return a complete streamed answer."""
    return of(text_chunks(*(pieces or ("Hello", " from", " ChatGPT."))))


def of(chunks: list[bytes] | Iterator[bytes], **options: Any) -> Reply:
    """Return a streamed answer with these events."""
    return Reply(chunks=chunks, content_type="text/event-stream", headers={"x-request-id": "req_fake"}, **options)


def ticks() -> Iterator[bytes]:
    """Yield an answer that never ends."""
    return itertools.chain(created(), item_added(), itertools.repeat(delta("tick ")))
