"""What the manifests and the Compose file promise: who runs, with what, for how long, and who may reach it."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mcp_models.servers.streamable_http.app import CLOSE_SECONDS
from mcp_models.servers.streamable_http.health import CHECK_SECONDS
from mcp_models.servers.streamable_http.run import EXIT_SECONDS
from tests.deployment.files import DEPLOY, compose, kustomization, manifest, manifests
from tests.documents import variables
from tests.published import image

DEPLOYMENT = manifest("Deployment")["spec"]
POD = DEPLOYMENT["template"]["spec"]
(CONTAINER,) = POD["containers"]
SERVICES: dict[str, dict[str, Any]] = compose()["services"]
USERS = [pytest.param(service, id=name) for name, service in SERVICES.items()]


def option(words: list[str], name: str) -> str:
    """Return the value of an option of a command line."""
    return words[words.index(name) + 1]


def test_the_base_has_every_file() -> None:
    assert sorted(kustomization()["resources"]) == [path.name for path in manifests()]


def test_pods_run_without_root_privileges_or_a_writable_disk() -> None:
    assert POD["securityContext"]["runAsNonRoot"]
    assert f"{POD['securityContext']['runAsUser']}:{POD['securityContext']['runAsGroup']}" == image.USER
    assert POD["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    context = CONTAINER["securityContext"]
    assert context["readOnlyRootFilesystem"]
    assert context["allowPrivilegeEscalation"] is context["privileged"] is False
    assert context["capabilities"] == {"drop": ["ALL"]}
    assert POD["automountServiceAccountToken"] is False


def test_pods_write_only_where_a_volume_with_a_limit_is() -> None:
    places = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"] if not mount.get("readOnly")}
    volumes = {volume["name"]: volume for volume in POD["volumes"]}
    assert set(places) == {"/state", "/tmp"}
    assert all(volumes[name]["emptyDir"]["sizeLimit"] for name in places.values())
    (state,) = [one["value"] for one in CONTAINER["env"] if one["name"] == "XDG_STATE_HOME"]
    assert state in places


def test_pods_have_requests_and_limits() -> None:
    resources = CONTAINER["resources"]
    assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}


def test_probes_ask_what_the_server_answers_and_wait_longer_than_it_takes() -> None:
    paths = {name: CONTAINER[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert paths == {"startupProbe": "/healthz", "livenessProbe": "/healthz", "readinessProbe": "/readyz"}
    assert CONTAINER["readinessProbe"]["timeoutSeconds"] > CHECK_SECONDS
    (port,) = CONTAINER["ports"]
    assert CONTAINER["args"][CONTAINER["args"].index("--http") + 1] == f"0.0.0.0:{port['containerPort']}"


def test_a_pod_has_time_to_leave_the_service_and_to_let_its_calls_end() -> None:
    leaving = CONTAINER["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert leaving >= 5
    needed = leaving + float(option(CONTAINER["args"], "--drain")) + CLOSE_SECONDS + EXIT_SECONDS
    assert POD["terminationGracePeriodSeconds"] > needed


def test_a_new_version_never_leaves_fewer_pods() -> None:
    assert DEPLOYMENT["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert "replicas" not in DEPLOYMENT, "the autoscaler says how many"
    scaler = manifest("HorizontalPodAutoscaler")["spec"]
    assert (scaler["scaleTargetRef"]["name"], scaler["minReplicas"]) == ("mcp-models", 2)
    assert manifest("PodDisruptionBudget")["spec"]["maxUnavailable"] == 1


def test_everything_selects_the_same_pods() -> None:
    labels = DEPLOYMENT["template"]["metadata"]["labels"]
    selectors = [DEPLOYMENT["selector"]["matchLabels"], manifest("Service")["spec"]["selector"]]
    selectors += [manifest("PodDisruptionBudget")["spec"]["selector"]["matchLabels"]]
    selectors += [manifest("NetworkPolicy")["spec"]["podSelector"]["matchLabels"]]
    assert all(selector == labels for selector in selectors)


def test_the_network_lets_in_one_port_and_out_to_three() -> None:
    policy = manifest("NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    (incoming,) = policy["ingress"]
    assert ([port["port"] for port in incoming["ports"]], len(incoming["from"])) == (["http"], 1)
    assert [rule["ports"][0]["port"] for rule in policy["egress"]] == [53, 5432, 443]
    (anywhere, _) = policy["egress"][2]["to"]
    assert "169.254.0.0/16" in anywhere["ipBlock"]["except"], "the cloud's metadata would give keys away"


def test_the_image_is_the_published_one() -> None:
    (pinned,) = kustomization()["images"]
    assert CONTAINER["image"] == pinned["name"] == image.IMAGE
    named = f"{image.IMAGE}:{pinned['newTag']}"
    assert named in image.dockerfile("x.whl")
    assert {SERVICES[name]["image"] for name in ("models-a", "models-b")} == {named}


def test_secrets_stand_in_no_file() -> None:
    for path in DEPLOY.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"://[^\s/]*:[^\s/]*@|mcpm_|\bsk-|kind: Secret\b", text), path
    for one in CONTAINER["env"]:
        if re.search(r"PASSWORD|KEY|TOKEN", one["name"]):
            assert set(one) == {"name", "valueFrom"}, one
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|KEY|TOKEN", name):
                assert value.startswith("${"), name


def test_settings_are_variables_that_exist() -> None:
    literals = {line.partition("=")[0] for line in kustomization()["configMapGenerator"][0]["literals"]}
    used = literals | set(SERVICES["models-a"]["environment"]) | {one["name"] for one in CONTAINER["env"]}
    assert used - variables.documented() == {"PUBLIC_URL", "PGPASSWORD"}  # libpq reads the second


@pytest.mark.parametrize("service", USERS)
def test_containers_run_without_root_privileges_or_a_writable_disk(service: dict[str, Any]) -> None:
    assert service["read_only"]
    assert not service["user"].startswith("0")
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])
    assert {"mem_limit", "cpus", "pids_limit", "healthcheck", "restart"} <= set(service)


def test_replicas_differ_in_nothing_and_only_nginx_can_be_reached() -> None:
    assert SERVICES["models-a"] == SERVICES["models-b"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["nginx"]
    assert SERVICES["database"]["networks"] == ["inside"]
    assert compose()["networks"]["inside"]["internal"]


def test_containers_have_time_to_let_their_calls_end() -> None:
    needed = float(option(SERVICES["models-a"]["command"], "--drain")) + CLOSE_SECONDS + EXIT_SECONDS
    assert float(SERVICES["models-a"]["stop_grace_period"].removesuffix("s")) > needed


def test_both_forms_start_the_server_in_the_same_way() -> None:
    def plain(words: list[str]) -> list[str]:
        return [word for word in words if "PUBLIC_URL" not in word]

    assert plain(SERVICES["models-a"]["command"]) == plain(CONTAINER["args"])
