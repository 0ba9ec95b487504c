"""Serve OpenAI in one of two ways: with a ChatGPT login through `codex`, or with an API key.

The login comes first if OPENAI_CHATGPT_LOGIN_MODE is on. See `docs/openai.md` for the details.
"""

from __future__ import annotations

import contextlib

from mcp_models.servers.core import errors, settings
from mcp_models.servers.core.stdio import serve
from mcp_models.servers.openai_api import OpenAIAPI

TYPE_CHECKING = False
if TYPE_CHECKING:
    from mcp_models.servers.codex import Codex
    from mcp_models.servers.codex.login import Login
    from mcp_models.servers.core.batches import BatchJobs
    from mcp_models.servers.core.catalogue import ModelInfo
    from mcp_models.servers.core.completion import Completion, CompletionRequest, ReasoningEffort
    from mcp_models.servers.core.provider import OnText
    from mcp_models.servers.core.settings import Environment

MODE_VARIABLE = "OPENAI_CHATGPT_LOGIN_MODE"
FALLBACK_VARIABLE = "OPENAI_LOGIN_FALLBACK"


# The first model in codex 0.169's own list. A login does not give access to the API's default model.
LOGIN_MODEL = "gpt-6.1-sol"

# Errors that mean the login was refused: it has expired, was revoked, or its plan is used up.
_REFUSALS = (errors.AuthenticationError, errors.BillingError, errors.RateLimitError)


class OpenAI(OpenAIAPI):
    """OpenAI with a ChatGPT login, which costs nothing per token, or with OPENAI_API_KEY, which does."""

    setup = f"{OpenAIAPI.setup}; or {MODE_VARIABLE}=true after `codex login`"

    def __init__(self, env: Environment | None = None) -> None:
        super().__init__(env)
        self._codex: dict[tuple[str, str], Codex] = {}

    def check(self) -> None:
        """Check that there is a login or a key.

        Raises:
            ConfigurationError: There is neither. The message says how to get one.
        """
        login, why_not = self._find_login()
        if login is None:
            self._check_key(why_not)

    def address(self) -> str | None:
        """Return the API's address. With a login there is none, as codex chooses where to go."""
        return super().address() if self._find_login()[0] is None else None

    def may_charge(self) -> bool:
        """Return whether the key may answer: there is no login, or the key may answer instead of it."""
        login_only = self._find_login()[0] is not None and not settings.flag(self.env, FALLBACK_VARIABLE)
        return not login_only and not settings.is_loopback(self.base_url())

    def takes_temperature(self, model: str) -> bool:
        return not self._wants_login() and super().takes_temperature(model)

    def efforts(self, model: str) -> tuple[ReasoningEffort, ...]:
        return () if self._wants_login() else super().efforts(model)  # codex has its own list

    def ignores(self, model: str) -> set[str]:
        return set() if self._wants_login() else super().ignores(model)

    def searches_web(self) -> bool:
        return not self._wants_login() and super().searches_web()

    def resolve(self, model: str | None) -> tuple[str, list[str]]:
        default = LOGIN_MODEL if self._wants_login() and self._find_login()[0] else None
        return super().resolve(model or self.env.get("MODEL_DEFAULT") or default)

    def charged_models(self, request: CompletionRequest) -> list[str]:
        """Return the model that the key would ask, as a login costs nothing per token."""
        return [_for_key(request, self.default_model).model or ""]

    def warm(self) -> None:
        login, _ = self._find_login()
        if login is None:
            super().warm()
        else:
            with contextlib.suppress(errors.ConfigurationError):
                self._through_codex(login).prepare(login)

    async def complete(self, request: CompletionRequest, on_text: OnText) -> Completion:
        """Ask for a streamed response, with the login if there is one and it may be used."""
        login, why_not = self._find_login()
        if login is None:
            return await self._complete_on_key(request, on_text, why_not)
        from mcp_models.servers.codex.login import NoLoginError

        texts = 0

        def count(text: str) -> None:
            nonlocal texts
            texts += 1
            on_text(text)

        try:
            return await self._through_codex(login).complete(login, request, count)
        except NoLoginError as error:
            return await self._complete_on_key(request, on_text, error.message)
        except _REFUSALS as error:
            if not self._may_fall_back(error, texts):
                raise
            completion = await super().complete(_for_key(request, self.default_model), on_text)
            completion.warnings.append(
                f"the ChatGPT login was refused, so OPENAI_API_KEY answered, which costs money per token: {error.message}"
            )
            return completion

    async def list_models(self) -> list[ModelInfo]:
        """Return the models that codex offers with the login, or those in `/models` without a login."""
        login, why_not = self._find_login()
        if login is None:
            self._check_key(why_not)
            return await super().list_models()
        return await self._through_codex(login).list_models(login)

    def batch_jobs(self) -> BatchJobs | None:
        """Return the Batch API, or None while there is a login: it has no such API, and costs nothing per token."""
        login, why_not = self._find_login()
        if login is not None:
            return None
        self._check_key(why_not)
        return super().batch_jobs()

    async def aclose(self) -> None:
        await super().aclose()
        for codex in self._codex.values():
            await codex.aclose()

    def _wants_login(self) -> bool:
        return settings.flag(self.env, MODE_VARIABLE)

    def _find_login(self) -> tuple[Login | None, str]:
        """Return the login, or why there is none. Look for it on every call, as you may log in at any time."""
        if not self._wants_login():
            return None, ""
        from mcp_models.servers.codex import login

        try:
            return login.find(self.env), ""
        except login.NoLoginError as error:
            return None, error.message

    def _through_codex(self, login: Login) -> Codex:
        """Return the codex for a login. Each login needs its own, as codex saves a renewed login to the one it is linked to."""
        from mcp_models.servers.codex import Codex

        with self._connecting:
            return self._codex.setdefault((login.path, login.account), Codex(self.env))

    async def _complete_on_key(self, request: CompletionRequest, on_text: OnText, why_not: str) -> Completion:
        self._check_key(why_not)
        completion = await super().complete(_for_key(request, self.default_model), on_text)
        if why_not:
            completion.warnings.append(f"OPENAI_API_KEY answered, which costs money per token: {why_not}")
        return completion

    def _check_key(self, why_not: str) -> None:
        try:
            super().check()
        except errors.MissingKeyError as error:
            if why_not:
                raise errors.MissingKeyError(f"{why_not} Or {OpenAIAPI.setup}.") from error
            raise

    def _may_fall_back(self, error: errors.CompletionError, texts: int) -> bool:
        """Return whether the key may answer instead of a refused login.

        It costs money, so it has to be allowed explicitly, and it cannot be used once text has been passed on.
        """
        if texts or not self.env.get("OPENAI_API_KEY", "").strip():
            return False
        if settings.flag(self.env, FALLBACK_VARIABLE):
            return True
        error.add(f"{FALLBACK_VARIABLE}=true would let OPENAI_API_KEY answer instead, at its price per token.")
        return False


def _for_key(request: CompletionRequest, default: str) -> CompletionRequest:
    """Return the request with the API's default model, if its model is only the login's default."""
    from msgspec.structs import replace

    return replace(request, model=default) if request.is_default_model and request.model == LOGIN_MODEL else request


def main() -> None:
    """Serve on stdin and stdout."""
    serve(OpenAI())


if __name__ == "__main__":
    main()
