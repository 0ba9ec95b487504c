"""Complete with OpenAI's own program `codex`, using the ChatGPT login of the person who runs the server.

request -> turn.py -> app_server.py (a process for many turns) or exec.py (one per turn) -> TurnResult -> Completion
              login.py  finds the login and keeps two runs from renewing it at once
              program.py, home.py, process.py  the program, its private home, its process
              failures.py  what its errors mean
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from mcp_models.servers.codex import program
from mcp_models.servers.codex.app_server import AppServerEngine
from mcp_models.servers.codex.exec import ExecEngine
from mcp_models.servers.codex.home import CodexHome
from mcp_models.servers.codex.login import Login, NoLoginError, RefreshLock, check_writable, token_of
from mcp_models.servers.codex.turn import turn_of
from mcp_models.servers.core import errors
from mcp_models.servers.core.catalogue import ModelInfo
from mcp_models.servers.core.completion import Completion
from mcp_models.servers.core.effort import EFFORTS, nearest

if TYPE_CHECKING:
    from mcp_models.servers.codex.turn import Engine, Turn, TurnResult
    from mcp_models.servers.core.completion import CompletionRequest
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.core.settings import Environment

ENGINE_VARIABLE = "OPENAI_CODEX_ENGINE"
ENGINES: dict[str, type[AppServerEngine] | type[ExecEngine]] = {"app-server": AppServerEngine, "exec": ExecEngine}
DEFAULT_ENGINE = "app-server"

# Parameters that codex has no setting for.
LACKING = ("temperature", "top_p", "stop", "seed", "service_tier")


RENEWAL_SECONDS = 15.0
"""How long a run may continue after its caller has gone, in seconds, because it may be renewing the login."""


class Codex:
    """OpenAI's models through codex, with one login.

    Args:
        env: The server's environment.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._preparing = threading.Lock()
        self._home: CodexHome | None = None
        self._program = ""
        self._models: list[dict[str, Any]] = []
        self._checked = False
        self._engine: Engine | None = None
        self._refresh_lock = RefreshLock()
        self._stopping: set[asyncio.Future[None]] = set()

    def prepare(self, login: Login) -> None:
        """Prepare what needs no network: find the program, set up its private home, and check the login. This blocks.

        Raises:
            ConfigurationError: The program is missing, too old or misconfigured, or the login cannot be written.
            NoLoginError: codex does not accept the file as a ChatGPT login.
        """
        with self._preparing:
            check_writable(login)
            if self._home is None:
                self._program = program.find(self._env)
                home = CodexHome(self._env)
                try:
                    program.check_version(self._program, home.environment)
                    self._models = program.catalogue(self._program, home.environment)
                    home.configure(self._models)
                except BaseException:
                    home.close()
                    raise
                self._home = home
            if not self._checked:
                self._home.link(login)
                self._check_status(self._home, login)
                self._checked = True

    async def complete(self, login: Login, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask codex for a completion.

        Raises:
            NoLoginError: codex does not accept the file as a ChatGPT login.
            CompletionError: The completion failed.
        """
        await asyncio.to_thread(self.prepare, login)
        request, warnings = self._with_known_effort(request)
        work = asyncio.ensure_future(self._run(turn_of(request), login, on_text))
        try:
            outcome = await asyncio.shield(work)
        except asyncio.CancelledError:
            self._stop(work, login)
            raise
        model = outcome.model or request.model or ""
        return Completion(
            text=outcome.text,
            model=model,
            stop_reason=outcome.stop_reason,
            native_stop_reason=outcome.native_stop_reason,
            usage=outcome.usage,
            request_id=outcome.thread_id,
            auth_mode="chatgpt",
            reasoning="\n\n".join(outcome.reasoning) or None,
            dropped_params=["max_tokens", *(name for name in LACKING if getattr(request, name) is not None)],
            warnings=[*warnings, *outcome.warnings],
        )

    async def _run(self, turn: Turn, login: Login, on_text: OnText) -> TurnResult:
        async with self._refresh_lock.hold(login) as accepted:
            return await self._the_engine().run(turn, login, on_text, accepted)

    def _stop(self, work: asyncio.Future[TurnResult], login: Login) -> None:
        """Stop a run whose caller has gone. Wait if it may be renewing the login, which an interruption would lose."""
        if login.expires_soon():
            stopping = asyncio.ensure_future(_stop_after_renewal(work, login))
            self._stopping.add(stopping)
            stopping.add_done_callback(self._stopping.discard)
        else:
            work.cancel()

    async def list_models(self, login: Login) -> list[ModelInfo]:
        """Return the models that codex offers.

        Raises:
            ConfigurationError: As in `prepare`.
        """
        await asyncio.to_thread(self.prepare, login)
        shown = [model for model in self._models if model.get("visibility") == "list"]
        return [ModelInfo(id=model["slug"], context_tokens=model.get("context_window")) for model in shown]

    async def aclose(self) -> None:
        """End codex's processes and remove its home."""
        if self._engine is not None:
            await self._engine.aclose()
        if self._home is not None:
            self._home.close()

    def _check_status(self, home: CodexHome, login: Login) -> None:
        said = program.login_status(self._program, home.environment)
        if "Error loading config" in said:
            raise errors.ConfigurationError(f"codex refuses OPENAI_CODEX_CONFIG: {said}")
        if said != "Logged in using ChatGPT":
            raise NoLoginError(f"codex does not take {login.path} for a ChatGPT login ({said}): run {login.cure()}.")

    def _the_engine(self) -> Engine:
        if self._engine is None:
            name = self._env.get(ENGINE_VARIABLE, "").strip() or DEFAULT_ENGINE
            if name not in ENGINES:
                raise errors.ConfigurationError(f"{ENGINE_VARIABLE}: expected app-server or exec, got {name!r}.")
            assert self._home is not None
            self._engine = ENGINES[name](self._program, self._home)
        return self._engine

    def _with_known_effort(self, request: CompletionRequest) -> tuple[CompletionRequest, list[str]]:
        """Return the request with an effort that codex lists for the model, and a warning if that changes it.

        codex itself passes on any word, but the service refuses efforts that codex's catalogue does not list for the model.
        """
        asked = request.reasoning_effort
        known = next((model for model in self._models if model["slug"] == request.model), {})
        levels = {level["effort"] for level in known.get("supported_reasoning_levels") or []}
        listed = [effort for effort in EFFORTS if effort in levels]
        if asked is None or not listed or asked in listed:
            return request, []
        sent = nearest(asked, listed)
        return replace(request, reasoning_effort=sent), [
            f"reasoning_effort: {request.model} has no {asked!r}, so {sent!r} was sent"
        ]


async def _stop_after_renewal(work: asyncio.Future[TurnResult], login: Login) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(RENEWAL_SECONDS):
            while not work.done() and token_of(login) == login.token:
                await asyncio.wait([work], timeout=0.1)
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
