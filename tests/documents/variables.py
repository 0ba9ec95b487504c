"""Describe every environment variable, make a table of them, and find those that the code reads."""

from __future__ import annotations

import ast
import functools
import re
from typing import NamedTuple

from mcp_models.servers import load_provider
from mcp_models.servers.preset import Preset
from mcp_models.servers.presets import PRESETS
from tests.checkout import ROOT


class Variable(NamedTuple):
    """An environment variable.

    Attributes:
        name: Its name.
        default: What holds if it is not set; empty if nothing does.
        what: What it is for, as Markdown.
    """

    name: str
    default: str
    what: str


def _of_preset(row: type[Preset]) -> list[Variable]:
    first, *others = row.key_variables
    key = "the key" if row.needs_key else "its key, if you started it with one"
    return [
        Variable(first, "", key),
        *(Variable(name, "", f"{key}, if `{first}` is not set") for name in others),
        Variable(row.url_variable, row.own_url, "another address of the API"),
    ]


def _of_presets() -> list[Variable]:
    return [one._replace(what=f"{row.title}: {one.what}") for row in PRESETS.values() for one in _of_preset(row)]


GENERAL = "For every server"

TABLES: dict[str, list[Variable]] = {
    GENERAL: [
        Variable("MODEL_DEFAULT", "the provider's default", "the model to ask if a call names none"),
        Variable("MCP_MODELS_TIMEOUT", "600", "seconds that a call may take, retries included, if it does not say"),
        Variable("MCP_MODELS_MAX_RETRIES", "2", "how often a call that failed for now is tried again"),
        Variable("MCP_MODELS_ALLOW_HTTP", "", "`1`: allow an address of another machine without encryption, `http://…`"),
        Variable("MCP_MODELS_TOOL_PREFIX", "", "put before the tools' names, such as `openai_`"),
        Variable("MCP_MODELS_PRICES", "the list of genai-prices", "a file with a newer price list; see [prices.md](prices.md)"),
        Variable(
            "MCP_MODELS_LEDGER",
            "a file in your state folder",
            "another file, `postgresql://…`, or `off`; see [usage.md](usage.md)",
        ),
        Variable("MCP_MODELS_BUDGET", "", "caps such as `5 USD/day, 200 calls/hour`; see [budget.md](budget.md)"),
        Variable(
            "MCP_MODELS_FILES",
            "",
            "folders whose files a call may attach, separated as in `PATH`; see [files.md](files.md#files-by-path)",
        ),
        Variable("MCP_MODELS_REPLY_WITHIN", "by host", "seconds after which a host gets some reply; see [tasks.md](tasks.md)"),
        Variable("MCP_MODELS_MAX_REPLY_CHARS", "by host", "characters of an answer to give at once; see [tasks.md](tasks.md)"),
        Variable("MCP_MODELS_TOKEN", "", "a bearer token for servers at a URL, which the bridge sends; see [http.md](http.md)"),
        Variable("MCP_MODELS_LOG", "", "`debug`, `info` or `warning`: log calls to stderr"),
    ],
    "Anthropic": [
        Variable("ANTHROPIC_API_KEY", "", "the key"),
        Variable("ANTHROPIC_BASE_URL", "https://api.anthropic.com", "another address of the API"),
    ],
    "OpenAI": [
        Variable("OPENAI_API_KEY", "", "the key"),
        Variable("OPENAI_BASE_URL", "https://api.openai.com/v1", "another server that speaks OpenAI's API"),
        Variable("OPENAI_WIRE_API", "`responses` at OpenAI's address, else `chat`", "which of the two APIs to speak"),
        Variable("OPENAI_CHATGPT_LOGIN_MODE", "false", "answer with a ChatGPT login; see [openai.md](openai.md)"),
        Variable("OPENAI_LOGIN_FALLBACK", "false", "let the key answer if the login is refused; this spends money"),
        Variable("OPENAI_CODEX_BIN", "`codex` on `PATH`", "the program `codex`"),
        Variable("OPENAI_CODEX_ENGINE", "app-server", "`app-server` or `exec`"),
        Variable("OPENAI_CODEX_CONFIG", "", "further settings of codex, one `key=value` a line"),
        Variable("CODEX_HOME", "~/.config/openai/codex-home, then ~/.codex", "where the login is looked for"),
        Variable("CODEX_CA_CERTIFICATE", "", "passed on to codex: a file of certificates"),
        Variable("CODEX_REFRESH_TOKEN_URL_OVERRIDE", "", "passed on to codex: where it renews the login"),
    ],
    "Mistral": [
        Variable("MISTRAL_API_KEY", "", "the key"),
        Variable("MISTRAL_BASE_URL", "https://api.mistral.ai", "another address of the API"),
        Variable("MISTRAL_MODEL", "", "the model to ask if a call names none; it wins over `MODEL_DEFAULT`"),
    ],
    "Google AI Studio": [
        Variable("GOOGLE_API_KEY", "", "the key"),
        Variable("GEMINI_API_KEY", "", "the key, if `GOOGLE_API_KEY` is not set"),
        Variable("GOOGLE_GEMINI_BASE_URL", "https://generativelanguage.googleapis.com", "another address of the API"),
    ],
    "Ollama": [
        Variable("OLLAMA_HOST", "http://localhost:11434", "its address: `host`, `host:port` or a URL"),
        Variable("OLLAMA_API_KEY", "", "the key for Ollama's cloud"),
    ],
    "Ollama (Anthropic protocol)": [
        Variable("ANTHROPIC_BASE_URL", "http://localhost:11434", "its address"),
        Variable("ANTHROPIC_AUTH_TOKEN", "ollama", "the token; the default does for an Ollama on this machine"),
    ],
    "Devstral (local)": [
        Variable("DEVSTRAL_ENDPOINT", "http://127.0.0.1:8080", "the server's address"),
        Variable("DEVSTRAL_API_KEY", "", "its key, if you started it with one"),
    ],
    "APIs that speak Chat Completions": _of_presets(),
    "OpenTelemetry": [
        Variable(
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "",
            "a collector's address: send traces there; see [observability.md](observability.md)",
        ),
        Variable("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "the same with its path, for traces alone"),
        Variable("OTEL_EXPORTER_OTLP_HEADERS", "", "headers for the collector, such as `api-key=…`"),
        Variable("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "", "the same for traces alone"),
        Variable("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf", "there is no other"),
        Variable("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "", "the same for traces alone"),
        Variable("OTEL_SERVICE_NAME", "mcp-models", "the service that traces name"),
        Variable("OTEL_RESOURCE_ATTRIBUTES", "", "what else they say of the process, such as `service.name=…`"),
        Variable("OTEL_TRACES_EXPORTER", "otlp", "`none`: send no traces"),
        Variable("OTEL_SDK_DISABLED", "", "`true`: send no traces"),
    ],
    "Programs and folders": [
        Variable("PYTHON", "`.venv`'s", "the interpreter that `run_with_env.sh` uses"),
        Variable("LLAMA_SERVER", "llama-server", "the program that `devstral_server.sh` starts"),
        Variable("XDG_CONFIG_HOME", "~/.config", "on Linux: where stored keys and hosts' settings are"),
        Variable("XDG_STATE_HOME", "~/.local/state", "on Linux: where `install` keeps copies of hosts' files"),
        Variable("APPDATA", "~/AppData/Roaming", "on Windows: where hosts' settings are"),
        Variable("LOCALAPPDATA", "~/AppData/Local", "on Windows: where stored keys and copies are"),
        Variable("CLAUDE_CONFIG_DIR", "", "where Claude Code keeps its settings"),
        Variable("CLINE_MCP_SETTINGS_PATH", "", "Cline's file of servers"),
        Variable("COPILOT_HOME", "", "where Copilot CLI keeps its settings"),
        Variable("GEMINI_CLI_HOME", "", "where Gemini CLI keeps its settings"),
    ],
}

PASSED_ON = {
    "RAY_AUTH_MODE",  # to a cluster of our own
    "RAY_AUTH_TOKEN",
    "RAY_BACKEND_LOG_LEVEL",
    "RAY_USAGE_STATS_ENABLED",
    "ANTHROPIC_CUSTOM_HEADERS",
    "ANTHROPIC_LOG",
    "DBUS_SESSION_BUS_ADDRESS",
    "ALL_PROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "HOME",
    "USERPROFILE",
    "PATH",
    "PATHEXT",
    "TEMP",
    "TMP",
    "TMPDIR",
    "COMSPEC",
    "SYSTEMROOT",
    "WINDIR",
}
"""What every program reads, and a child process is given: it configures nothing of this project."""

WORDS = {
    "API_KEY_INVALID",
    "IMAGE_PROHIBITED_CONTENT",
    "IMAGE_RECITATION",
    "IMAGE_SAFETY",
    "MALFORMED_FUNCTION_CALL",
    "MALFORMED_RESPONSE",
    "MAX_TOKENS",
    "MODEL_ARMOR",
    "PARTIALLY_SUCCEEDED",
    "PROHIBITED_CONTENT",
    "PUP_LIMITED_DISABLED",
    "TIMEOUT_EXCEEDED",
    "TOO_MANY_TOOL_CALLS",
    "UNEXPECTED_TOOL_CALL",
    "DEPRECATED_MODELS",
    "FALL_BACK_ON",
    "MAX_TOKENS_DEFAULT",
    "MODEL_ALIASES",
    "TEMPERATURE_DEFAULT",
    "VALID_MODELS",
    "O_BINARY",
    "PIPE_BUF",
    "AZURE_OPENAI_API_KEY",
    "GITHUB_TOKEN",
    "HTTP_HOST",
    "PATH_INFO",
    "REQUEST_METHOD",
}
"""Strings that look like variables and are read from no environment: words of providers, hosts and WSGI, names in Python."""


def table() -> str:
    """Return the tables as Markdown."""
    parts = []
    for title, variables in TABLES.items():
        rows = [f"| `{name}` | {_cell(default)} | {what} |\n" for name, default, what in variables]
        parts.append(f"\n### {title}\n\n| variable | default | |\n|---|---|---|\n{''.join(rows)}")
    return "".join(parts)


def of_provider(name: str) -> list[Variable]:
    """Return a provider's own variables. They stand under its title, but those of the presets, which share a table."""
    return _of_preset(PRESETS[name]) if name in PRESETS else TABLES.get(load_provider(name, {}).title, [])


def documented() -> set[str]:
    """Return the names that stand in the tables."""
    return {variable.name for variables in TABLES.values() for variable in variables}


def read_by_the_code() -> set[str]:
    """Return what the code and the scripts read, and every other string that looks like the name of a variable."""
    found = read_by_name() | {"APPDATA", "LOCALAPPDATA"} & constants()
    found |= {text for text in constants() if re.fullmatch(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", text)}
    for script in ROOT.glob("*.sh"):
        found |= _read_by_a_script(script.read_text(encoding="utf-8"))
    return found


def read_by_name() -> set[str]:
    """Return the names in `env.get("X")`, `environ["X"]`, `getenv("X")` and `settings.key(env, "X", …)`."""
    arguments = [_variable(node) for node in _nodes()]
    return {node.value for node in arguments if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def constants() -> set[str]:
    """Return every string and number of the code, as text."""
    return {
        str(node.value) for node in _nodes() if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float)
    }


@functools.cache
def _nodes() -> list[ast.AST]:
    files = [path for top in ("servers", "client") for path in (ROOT / top).rglob("*.py")]
    return [node for path in files for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]


def _variable(node: ast.AST) -> ast.expr | None:
    """Return what stands for the variable's name in an expression that reads an environment."""
    match node:
        case ast.Subscript(value=mapping, slice=name) if _is_environment(mapping):
            return name
        case ast.Call(func=ast.Attribute(value=mapping, attr="get" | "pop"), args=[name, *_]) if _is_environment(mapping):
            return name
        case ast.Call(func=ast.Attribute(attr="getenv") | ast.Name(id="getenv"), args=[name, *_]):
            return name
        case ast.Call(func=ast.Attribute(value=ast.Name(id="settings")), args=[_, name, *_]):
            return name
    return None


def _is_environment(node: ast.expr) -> bool:
    return ast.unparse(node).rpartition(".")[2] in ("env", "environ", "environment")


def _read_by_a_script(text: str) -> set[str]:
    """Return the variables that a script has a default for, or uses and does not set. Bash's and Python's own are left out."""
    defaulted = set(re.findall(r"\$\{([A-Z][A-Z0-9_]*):?[-?]", text))
    used = set(re.findall(r"(?<!\\)\$\{?([A-Z][A-Z0-9_]*)", text))
    set_here = set(re.findall(r"(?:^|\s)([A-Z][A-Z0-9_]*)=", text, re.MULTILINE))
    return {name for name in defaulted | used - set_here if not name.startswith("BASH_")} - {"PWD", "PYTHONPATH"}


def _cell(default: str) -> str:
    return default if not default or " " in default or "`" in default else f"`{default}`"
