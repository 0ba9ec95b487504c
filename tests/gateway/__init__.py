"""Run a real gateway for the tests: the LiteLLM proxy, in its own environment, with the fakes as its upstreams."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Self

from filelock import FileLock

from tests.checkout import ROOT, network_environment
from tests.peer import wait_until

REQUIREMENTS = Path(__file__).parent / "litellm.txt"
INSTALL_SECONDS = 300
READY_SECONDS = 120
STOP_SECONDS = 20


def python() -> Path:
    """Return the Python of the environment that `litellm.txt` describes. It is created in the user's cache on first use."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mcp-models-tests"
    cache.mkdir(parents=True, exist_ok=True)
    folder = cache / f"litellm-{hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]}"
    interpreter = folder / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    with FileLock(f"{folder}.lock", timeout=2 * INSTALL_SECONDS):
        if not (folder / "whole").exists():
            _uv("venv", "--clear", "--python", sys.executable, str(folder))
            _uv("pip", "install", "--require-hashes", "--python", str(interpreter), "-r", str(REQUIREMENTS))
            (folder / "whole").touch()
    return interpreter


def _uv(*arguments: str) -> None:
    command = [sys.executable, "-m", "uv", "--quiet", *arguments]
    done = subprocess.run(command, env=network_environment(), capture_output=True, text=True, timeout=INSTALL_SECONDS)
    if done.returncode:
        raise RuntimeError(f"LiteLLM could not be installed: {done.stderr[-2000:]}")


class Gateway:
    """A running LiteLLM proxy on loopback. It does not retry, and does not set a failing upstream aside.

    Args:
        folder: The folder for its configuration and its log. It is also its home folder.
        models: The name of each model, with the parameters of its upstream as LiteLLM calls them.

    Attributes:
        url: The proxy's address.
        key: The key that clients need.
        log: The proxy's output.
    """

    def __init__(self, folder: Path, models: dict[str, dict[str, Any]]) -> None:
        self.key = f"sk-{secrets.token_hex(24)}"
        self.log = folder / "log"
        self._folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        config = {
            "model_list": [
                {"model_name": name, "litellm_params": {"max_retries": 0, **params}} for name, params in models.items()
            ],
            "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
            "litellm_settings": {"telemetry": False, "num_retries": 0},
            "router_settings": {"num_retries": 0, "disable_cooldowns": True},
        }
        (folder / "config.yaml").write_text(json.dumps(config), encoding="utf-8")  # JSON is valid YAML

    def __enter__(self) -> Self:
        # Do not use LiteLLM's own command. It insists on uvloop, whose connections `loopback_only` cannot check.
        uvicorn = ["-m", "uvicorn", "litellm.proxy.proxy_server:app", "--loop", "asyncio"]
        command = [str(python()), *uvicorn, "--host", "127.0.0.1", "--port", str(self._port)]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                command, env=self._environment(), cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            wait_until(self._is_ready, READY_SECONDS)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stop()

    def _environment(self) -> dict[str, str]:
        """Return an environment without the developer's settings, in which LiteLLM uses no network except loopback."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self._folder),
            "PYTHONPATH": str(ROOT / "tests" / "loopback_only"),
            "CONFIG_FILE_PATH": str(self._folder / "config.yaml"),
            "LITELLM_MASTER_KEY": self.key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",
            "LITELLM_TELEMETRY": "False",
        }

    def _is_ready(self) -> bool:
        assert self._process.poll() is None, f"LiteLLM ended: {self.log.read_text(errors='replace')[-2000:]}"
        try:
            with urllib.request.urlopen(f"{self.url}/health/readiness", timeout=READY_SECONDS) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError):
            return False

    def _stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
