"""Make the image of all servers, a Dockerfile with what it needs, and the entries of Docker's MCP catalog.

Sources: https://github.com/docker/mcp-registry/blob/main/docs/configuration.md and its `cmd/validate`, which checks entries.
"""

from __future__ import annotations

from typing import Any

import yaml

from tests.published import pins
from tests.published.product import LICENSE, NAME, REPOSITORY, VERSION, Server, Setting, servers

BASE = "python:3.13-slim-trixie"
PYTHON = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}
"""What markers say of Python in the base image."""

FOLDER = "/opt/mcp-models"
IMAGE = f"ghcr.io/{REPOSITORY.partition('github.com/')[2]}"
USER = "65532:65532"
FOR_TEAMS = ["http-server", "postgres"]
"""The extras that `serve --http` needs, with a ledger that several replicas share."""

FROM_THE_CONTAINER = "host.docker.internal"
"""The name of the user's machine within a container."""


def dockerfile(wheel: str) -> str:
    """Return the Dockerfile.

    Args:
        wheel: The name of the wheel, which is beside it.
    """
    return f"""\
# All servers of {NAME} {VERSION} in one image:
#   docker build -t {IMAGE}:{VERSION} .
#   docker run --rm -i -e OPENAI_API_KEY {IMAGE}:{VERSION} openai
# For a team, over HTTP:
#   docker run --rm --read-only -p 127.0.0.1:8000:8000 -e OPENAI_API_KEY -v ./tokens:/run/tokens:ro {IMAGE}:{VERSION} \\
#     openai --http 0.0.0.0:8000 --url http://127.0.0.1:8000 --tokens /run/tokens/tokens.json
FROM {BASE} AS build
WORKDIR /build
COPY requirements.txt {wheel} ./
RUN python -m venv --without-pip {FOLDER} \\
    && python -m pip --python {FOLDER} install --no-cache-dir --require-hashes -r requirements.txt \\
    && python -m pip --python {FOLDER} install --no-cache-dir --no-deps ./{wheel}

FROM {BASE}
LABEL org.opencontainers.image.title="{NAME}" \\
    org.opencontainers.image.version="{VERSION}" \\
    org.opencontainers.image.source="{REPOSITORY}" \\
    org.opencontainers.image.licenses="{LICENSE}"
COPY --from=build {FOLDER} {FOLDER}
ENV PATH="{FOLDER}/bin:$PATH"
USER {USER}
EXPOSE 8000
ENTRYPOINT ["{NAME}", "serve"]
CMD ["echo"]
"""


def requirements() -> str:
    """Return what the image installs beside the wheel, with hashes: what servers need, over HTTP too."""
    extras = sorted({server.extra for server in servers()} - {""}) + FOR_TEAMS
    entries = [entry for name in pins.needed(extras, PYTHON) for entry in pins.locked()[name]]
    return "\n".join([*entries, ""])


def catalog_entry(server: Server, commit: str) -> str:
    """Return a server's `server.yaml`.

    Args:
        server: The server.
        commit: The commit of the repository that the image is made from.
    """
    value = {
        "name": server.name,
        "image": f"{IMAGE}:{VERSION}",
        "type": "server",
        "meta": {"category": "ai", "tags": ["ai", "llm", server.slug]},
        "about": {
            "title": " ".join(word[:1].upper() + word[1:] for word in f"Ask {server.title}".split()),
            "description": f"Ask {server.title} with one tool, complete. {server.summary}",
        },
        "source": {"project": REPOSITORY, "commit": commit},
        "run": {"command": [server.slug]},
        "config": _config(server),
    }
    return yaml.dump(value, Dumper=_Prettier, sort_keys=False, allow_unicode=True, width=10**6)


def _config(server: Server) -> dict[str, Any]:
    secrets = [
        {"name": f"{server.name}.{one.variable.lower()}", "env": one.variable, "example": f"<{one.variable}>"}
        for one in _settable(server)
        if one.secret
    ]
    plain = [one for one in _settable(server) if not one.secret]
    defaults = {one.variable: _default(server, one) for one in plain}
    return {
        "description": f"Configure how {server.title} is asked. All settings but the key may be left empty.",
        **({"secrets": secrets} if secrets else {}),
        "env": [
            {
                "name": one.variable,
                "example": defaults[one.variable] or one.default,
                "value": f"{{{{{server.name}.{one.variable.lower()}}}}}",
            }
            for one in plain
        ],
        "parameters": {
            "type": "object",
            "properties": {
                one.variable.lower(): {
                    "type": "string",
                    "description": one.description,
                    **({"default": defaults[one.variable]} if defaults[one.variable] else {}),
                }
                for one in plain
            },
        },
    }


def _settable(server: Server) -> list[Setting]:
    """Return the settings that mean something in the image, where there is no program codex."""
    return [one for one in server.asked_for if "CODEX" not in one.variable and "LOGIN" not in one.variable]


def _default(server: Server, setting: Setting) -> str:
    """Return what a setting has to be in a container if the server's own default would not do there."""
    if server.local and setting.default == server.local:
        machine = server.local.split("//")[1].partition(":")[0]
        return server.local.replace(machine, FROM_THE_CONTAINER)
    if server.local and setting.variable == "MCP_MODELS_ALLOW_HTTP":
        return "1"  # the way leads to the user's own machine
    return ""


class _Prettier(yaml.SafeDumper):
    """Write YAML as prettier does, which the catalog asks for: lists indented, double quotes."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        """Indent a list in a mapping too."""
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    bare = yaml.safe_dump(value, width=10**6, allow_unicode=True).splitlines()[0] == value
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=None if bare else '"')


_Prettier.add_representer(str, _text)
