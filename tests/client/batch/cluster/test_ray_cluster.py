"""What Ray is asked for, with a stand-in for it: the real one is in `bash run_with_env.sh -m tests.batch ray`."""

from __future__ import annotations

import os
import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from mcp_models.client.batch.cluster import ray_cluster
from mcp_models.client.batch.cluster.ray_cluster import RayCluster
from mcp_models.client.batch.errors import BatchError


class StandIn(ModuleType):
    """Ray, as far as it is started and ended."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.asked: dict[str, Any] = {}
        self.environment: dict[str, str] = {}
        self.problem: Exception | None = None
        self.is_down = False
        self.data = ModuleType("ray.data")
        self.data.DataContext = SimpleNamespace(get_current=lambda: SimpleNamespace())  # type: ignore[attr-defined]

    def init(self, **options: Any) -> None:
        self.asked, self.environment = options, dict(os.environ)
        if self.problem is not None:
            raise self.problem

    def shutdown(self) -> None:
        self.is_down = True


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    module = StandIn()
    monkeypatch.setitem(sys.modules, "ray", module)
    monkeypatch.setitem(sys.modules, "ray.data", module.data)
    monkeypatch.setattr(ray_cluster, "_token", "a-token-of-ours")
    return module


def test_a_cluster_of_our_own_is_private_and_gets_keys_by_its_environment_only(ray: StandIn) -> None:
    before = dict(os.environ)
    cluster = RayCluster(None, 3, {"OPENAI_API_KEY": "made-up"})
    cluster.open()
    folder = ray.asked["_temp_dir"]
    assert (ray.asked["address"], ray.asked["_node_ip_address"], ray.asked["num_cpus"]) == ("local", "127.0.0.1", 3)
    assert "made-up" not in str(ray.asked)
    wanted = {"OPENAI_API_KEY": "made-up", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a-token-of-ours"}
    assert wanted.items() <= ray.environment.items()
    assert ray.environment["RAY_USAGE_STATS_ENABLED"] == "0"
    cluster.close()
    assert (ray.is_down, os.path.exists(folder), dict(os.environ)) == (True, False, before)


def test_a_cluster_at_an_address_gets_nothing_of_ours(ray: StandIn) -> None:
    RayCluster("127.0.0.1:6379", 3, {"OPENAI_API_KEY": "made-up"}).open()
    assert ray.asked["address"] == "127.0.0.1:6379"
    assert "RAY_AUTH_TOKEN" not in ray.environment
    assert "OPENAI_API_KEY" not in ray.environment


def test_a_cluster_that_does_not_start_leaves_nothing_behind(ray: StandIn) -> None:
    before, ray.problem = dict(os.environ), ConnectionError("Traceback …\n  in init\nConnectionError: nobody answers")
    with pytest.raises(BatchError, match="Ray cannot be used: ConnectionError: nobody answers"):
        RayCluster(None, 2, {}).open()
    assert not os.path.exists(ray.asked["_temp_dir"])
    assert dict(os.environ) == before
