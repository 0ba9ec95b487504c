"""Give pytest the fixture `tape` and the option `--tape`. Everything else is imported by the first test that uses it."""

from __future__ import annotations

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcp_models.client.tapes.fixture import Tapes


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--tape`."""
    parser.getgroup("mcp-models", "recorded models").addoption(
        "--tape",
        choices=("replay", "record", "auto"),
        default="replay",
        help="where the answers of recorded models come from: the tape (replay, default), the model (record), or the model "
        "if the tape has none (auto)",
    )


@pytest.fixture
def tape(request: pytest.FixtureRequest) -> Iterator[Tapes]:
    """Models whose answers are on a tape beside the test: `tape(OpenAIModel)`."""
    from mcp_models.client.tapes.fixture import Tapes

    name = request.node.nodeid.partition("::")[2] or request.node.name
    tapes = Tapes(request.path, name, request.config.getoption("--tape"))
    yield tapes
    tapes.close()
