"""Run a real nginx on loopback with the configuration of `deploy/nginx.conf`, whose names and paths are replaced."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import trustme

from tests.checkout import ROOT
from tests.peer import wait_until

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
CURE = "nginx is not installed: `apt-get install nginx` on Debian"
REPLICAS = ("models-a:8000", "models-b:8000")


def program() -> str:
    """Return the path of nginx."""
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found is not None, CURE
    return found


class Nginx:
    """An nginx in front of two replicas, which ends with the context.

    Args:
        replicas: The replicas' addresses, each as HOST:PORT.

    Attributes:
        url: Its address.
        trust: What a client needs to trust its certificate.
    """

    def __init__(self, replicas: Sequence[str]) -> None:
        self._program, self._replicas = program(), replicas
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"https://127.0.0.1:{self._port}"
        authority = trustme.CA()
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)
        self._certificate = authority.issue_cert("127.0.0.1")

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="mcp-nginx-"))
        self._certificate.private_key_pem.write_to_path(self._home / "tls.key")
        for number, blob in enumerate(self._certificate.cert_chain_pems):
            blob.write_to_path(self._home / "tls.crt", append=number > 0)
        (self._home / "nginx.conf").write_text(self.configuration())
        if os.getuid() == 0:  # its workers are no root
            for path in (self._home, *self._home.iterdir()):
                shutil.chown(path, "nobody", "nogroup")
        self.check()
        with (self._home / "stderr").open("wb") as errors:
            self._process = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=errors, cwd=self._home)
        wait_until(self._listens)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)
        shutil.rmtree(self._home)

    def configuration(self) -> str:
        """Return the configuration for this machine."""
        places = dict(zip(REPLICAS, self._replicas, strict=True))
        places |= {"/tmp/": f"{self._home}/", "/etc/nginx/tls/": f"{self._home}/", "/dev/stdout": f"{self._home}/access.log"}
        places |= {"listen 8443": f"listen 127.0.0.1:{self._port}", "/dev/stderr": f"{self._home}/error.log"}
        text = CONFIGURATION.read_text(encoding="utf-8")
        for there, here in places.items():
            assert there in text, there
            text = text.replace(there, here)
        return f"user nobody nogroup;\n{text}" if os.getuid() == 0 else text

    def check(self) -> None:
        """Have nginx check the configuration.

        Raises:
            ValueError: nginx refuses it. The message is what nginx says.
        """
        done = subprocess.run(self._command("-t"), capture_output=True, text=True, timeout=20)
        if done.returncode:
            raise ValueError(done.stderr)

    def errors(self) -> list[str]:
        """Return what it has logged of errors so far."""
        return (self._home / "error.log").read_text().splitlines()

    def _command(self, *words: str) -> list[str]:
        return [self._program, "-e", str(self._home / "error.log"), "-c", str(self._home / "nginx.conf"), *words]

    def _listens(self) -> bool:
        assert self._process.poll() is None, (self._home / "stderr").read_text()
        with socket.socket() as client:
            return client.connect_ex(("127.0.0.1", self._port)) == 0
