"""Open a page in a real Chromium without a window, and look at it: its text, its layout, its colours and its requests.

Chromium is told what to do over a pipe: https://chromedevtools.github.io/devtools-protocol/. It gets no network: every name
leads nowhere, and what the page asks for is written down.
"""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple, Self

import matplotlib.image
import numpy

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
CURE = "Chromium is not installed: `apt-get install chromium-headless-shell` on Debian, or put a `chromium` on PATH"
SECONDS = 60.0

_OPTIONS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)

# Chromium's pipe is on the descriptors 3 and 4, which `subprocess` cannot give by number.
_LAUNCH = (
    "import fcntl, os, sys; pipe = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]];"
    "os.dup2(pipe[0], 3); os.dup2(pipe[1], 4); os.execv(sys.argv[3], sys.argv[3:])"
)


class Box(NamedTuple):
    """Where an element is on the page, in pixels."""

    left: float
    top: float
    width: float
    height: float


class Chromium:
    """A Chromium that ends with the context.

    Attributes:
        requests: The addresses that the page asked for, the page itself included.
        refused: What the page's Content-Security-Policy or Chromium refused, in Chromium's words.
    """

    def __init__(self) -> None:
        found = next(filter(None, map(shutil.which, PROGRAMS)), None)
        assert found is not None, CURE
        self._program = found
        self._number, self._unread = 0, b""
        self._session: str | None = None
        self.requests: list[str] = []
        self.refused: list[str] = []

    def __enter__(self) -> Self:
        self._home = tempfile.mkdtemp(prefix="mcp-chromium-")
        theirs_in, self._to = os.pipe()
        self._from, theirs_out = os.pipe()
        options = [*_OPTIONS, f"--user-data-dir={self._home}"]
        if os.name == "posix" and os.getuid() == 0:  # Chromium has no sandbox for root
            options.append("--no-sandbox")
        command = [sys.executable, "-c", _LAUNCH, str(theirs_in), str(theirs_out), self._program, *options, "about:blank"]
        with (Path(self._home) / "log").open("wb") as log:
            self._process = subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), stdout=log, stderr=log)
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            self._attach()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _attach(self) -> None:
        target = self.do("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.do("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "DOM", "Accessibility"):
            self.do(f"{domain}.enable")

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.wait(20)
        os.close(self._to)
        os.close(self._from)
        shutil.rmtree(self._home, ignore_errors=True)

    def open(self, page: Path, width: int = 1200, height: int = 1000, dark: bool = False) -> None:
        """Open a page, and wait until it has been loaded.

        Args:
            page: The file.
            width: The window's width in pixels.
            height: The window's height in pixels.
            dark: Whether to ask for dark colours.
        """
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        self.do("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self.do("Page.navigate", url=page.as_uri())
        self._wait_for("Page.loadEventFired")
        self._document = self.do("DOM.getDocument")["root"]["nodeId"]

    def boxes(self, selector: str) -> list[Box]:
        """Return where the elements that a CSS selector finds are, in the order of the page."""
        nodes = self.do("DOM.querySelectorAll", nodeId=self._document, selector=selector)["nodeIds"]
        found = []
        for node in nodes:
            x, y, _, _, right, bottom, *_ = self.do("DOM.getContentQuads", nodeId=node)["quads"][0]
            found.append(Box(x, y, right - x, bottom - y))
        return found

    def spoken(self) -> list[tuple[str, str]]:
        """Return the role and the name of everything that a screen reader is told of."""
        nodes = self.do("Accessibility.getFullAXTree")["nodes"]
        return [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"] and "role" in node
        ]

    def width(self) -> float:
        """Return how wide the page's content is. It is more than the window's width if one has to scroll sideways."""
        return float(self.do("Page.getLayoutMetrics")["cssContentSize"]["width"])

    def png(self) -> bytes:
        """Return a picture of the whole page."""
        shot = self.do("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        return base64.b64decode(shot["data"])

    def picture(self) -> Any:
        """Return a picture of the whole page as an array: rows of pixels of red, green and blue from 0 to 255."""
        picture = matplotlib.image.imread(io.BytesIO(self.png()), format="png")
        return numpy.rint(picture[:, :, :3] * 255).astype(int)

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Have Chromium do something, and return what it answers."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result

    def _wait_for(self, event: str) -> None:
        while self._next().get("method") != event:
            pass

    def _next(self) -> dict[str, Any]:
        """Return the next message, and remember what it says of requests."""
        until = time.monotonic() + SECONDS
        while b"\0" not in self._unread:
            ready, _, _ = select.select([self._from], [], [], max(0.0, until - time.monotonic()))
            assert ready, "Chromium does not answer"
            chunk = os.read(self._from, 2**20)
            assert chunk, (Path(self._home) / "log").read_text()
            self._unread += chunk
        line, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        with contextlib.suppress(KeyError):
            if message.get("method") == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
            elif message.get("method") == "Log.entryAdded":
                self.refused.append(message["params"]["entry"]["text"])
        return message
