"""Programs that know better accept what is in `deploy/`, and would refuse what is broken."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from tests.deployment.files import BASE, kubernetes_problem, manifests
from tests.nginx import Nginx

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]  # the first run installs the schemas

REPLICAS = ("127.0.0.1:1", "127.0.0.1:2")


def test_kubernetes_takes_every_manifest() -> None:
    with ThreadPoolExecutor(2) as pool:
        assert set(pool.map(kubernetes_problem, manifests())) == {""}


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("deployment.yaml", "maxSurge", "maxSurges"),
        ("network-policy.yaml", "policyTypes", "policyKinds"),
    ],
)
def test_kubernetes_refuses_a_broken_manifest(name: str, right: str, wrong: str, tmp_path: Path) -> None:
    text = (BASE / name).read_text(encoding="utf-8")
    assert right in text
    (tmp_path / name).write_text(text.replace(right, wrong), encoding="utf-8")
    assert "did not validate" in kubernetes_problem(tmp_path / name)


def test_nginx_takes_its_configuration_and_hides_what_is_for_the_orchestrator() -> None:
    with Nginx(REPLICAS) as nginx, httpx2.Client(verify=nginx.trust, trust_env=False, base_url=nginx.url) as client:
        assert [client.get(path).status_code for path in ("/readyz", "/metrics", "/healthz")] == [404, 404, 502]


def test_nginx_refuses_a_broken_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Nginx.configuration
    monkeypatch.setattr(Nginx, "configuration", lambda self: right(self).replace("proxy_buffering off", "proxy_buffering of"))
    with pytest.raises(ValueError, match="proxy_buffering"):
        Nginx(REPLICAS).__enter__()
