"""The official conformance suite and the TypeScript SDKs find nothing wrong with a server over HTTP but what is explained."""

from __future__ import annotations

import platform
import sys

import pytest

from mcp_models.servers.core.tools import tools
from tests.acceptors import ACCEPTED, Server, typescript
from tests.conformance import SUITES, conformance
from tests.servers.streamable_http.serving import quiet_echo, serving

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        sys.platform != "linux" or platform.machine() != "x86_64", reason="the suite's Node is for Linux on x86-64"
    ),
]


@pytest.mark.parametrize("major", ["1", "2"])
def test_the_typescript_sdks_list_and_call_its_tools(major: str) -> None:
    listed = tools(quiet_echo(), has_tasks=False)
    with serving([quiet_echo()]) as served:
        echo = Server([f"{served.url}/echo/mcp"], listed, {"prompt": "Hello?"})
        assert typescript(major)({"echo": echo}) == {"echo": ACCEPTED}


@pytest.mark.parametrize("year", SUITES)
def test_what_fails_is_what_the_baseline_explains(year: str) -> None:
    done = conformance(year)
    assert done.returncode == 0, done.stdout + done.stderr
