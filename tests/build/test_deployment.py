"""Charts, compose file and telemetry are accepted by the tools they are written for."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import run
from .kubernetes import schema_location
from .tools import ACTIONLINT, HELM, KUBECONFORM, debian_program, go_tool

SAMPLES = ("starter", "ecommerce", "banking")
SERVICE_KINDS = {"Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"}
CHASSIS = Path(__file__).parents[2] / "service-templates/python/chassis/src/chassis"
Fleet = Callable[[str], Path]


def helm(*arguments: str) -> str:
    return run([str(go_tool(*HELM)), *arguments])


def objects(rendered: str) -> list[dict[str, Any]]:
    return [item for item in yaml.safe_load_all(rendered) if item]


def conform(rendered: str, folder: Path) -> str:
    (folder / "rendered.yaml").write_text(rendered)
    strict = ["-strict", "-summary", "-schema-location", schema_location()]
    return run([str(go_tool(*KUBECONFORM)), *strict, str(folder / "rendered.yaml")])


@pytest.fixture
def umbrella(fleet_of: Fleet, tmp_path: Path) -> Callable[[str], Path]:
    """The chart of the whole fleet with its dependencies, made where nothing of the monorepo is touched."""

    def built(sample: str) -> Path:
        shutil.copytree(fleet_of(sample) / "deploy" / "helm", tmp_path / "helm")
        helm("dependency", "build", "--skip-refresh", str(tmp_path / "helm" / "fleet"))
        return tmp_path / "helm" / "fleet"

    return built


@pytest.mark.parametrize("sample", SAMPLES)
def test_helm_and_the_schemas_of_kubernetes_accept_every_chart(sample: str, fleet_of: Fleet, tmp_path: Path) -> None:
    charts = [chart for chart in sorted((fleet_of(sample) / "deploy" / "helm").iterdir()) if chart.name != "fleet"]
    assert len(charts) == len(list((fleet_of(sample) / "services").iterdir()))
    for chart in charts:
        assert "0 chart(s) failed" in helm("lint", "--strict", str(chart))
        for extra, kinds in (((), set()), (("--set", "autoscaling.enabled=true"), {"HorizontalPodAutoscaler"})):
            rendered = helm("template", "release", str(chart), *extra)
            assert {item["kind"] for item in objects(rendered)} == SERVICE_KINDS | kinds
            assert "Invalid: 0, Errors: 0, Skipped: 0" in conform(rendered, tmp_path)


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_chart_of_the_fleet_installs_every_service(
    sample: str, fleet_of: Fleet, umbrella: Callable[[str], Path], tmp_path: Path
) -> None:
    chart = str(umbrella(sample))
    services = sorted(path.name for path in (fleet_of(sample) / "services").iterdir())
    assert "0 chart(s) failed" in helm("lint", "--strict", chart)
    rendered = helm("template", "release", chart)
    assert "Invalid: 0, Errors: 0, Skipped: 0" in conform(rendered, tmp_path)
    assert sorted(item["metadata"]["name"] for item in objects(rendered) if item["kind"] == "Deployment") == services


def test_the_fleet_says_once_where_the_platform_is(umbrella: Callable[[str], Path]) -> None:
    chart = str(umbrella("starter"))
    rendered = helm("template", "release", chart, "--set", "global.kafka.bootstrap=broker-1:9092")
    seen = {item["metadata"]["name"]: environment(item) for item in objects(rendered) if item["kind"] == "Deployment"}
    assert {name: values["KAFKA_BOOTSTRAP"] for name, values in seen.items()} == dict.fromkeys(seen, "broker-1:9092")
    assert len(seen) == 3
    without = objects(helm("template", "release", chart, "--set", "payment.enabled=false"))
    assert {item["metadata"]["name"] for item in without} == {"order", "shipping"}


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ("replicas=0", "replicas"),
        ("replica=3", "replica"),
        ("image.digest=latest", "digest"),
        ("resources.limits.gpu=1", "gpu"),
        ("logLevel=TRACE", "logLevel"),
        ("registry.url=registry:8081", "url"),
    ],
)
def test_a_chart_refuses_values_that_its_schema_does_not_know(fleet_of: Fleet, values: str, named: str) -> None:
    chart = fleet_of("starter") / "deploy" / "helm" / "order"
    with pytest.raises(AssertionError, match=named):
        helm("template", "release", str(chart), "--set", values)


def test_the_chart_of_the_fleet_refuses_a_service_that_is_not_there(umbrella: Callable[[str], Path]) -> None:
    chart = str(umbrella("starter"))
    with pytest.raises(AssertionError, match="billing"):
        helm("template", "release", chart, "--set", "billing.enabled=true")


def test_a_field_that_kubernetes_does_not_know_is_seen(fleet_of: Fleet, tmp_path: Path) -> None:
    rendered = helm("template", "release", str(fleet_of("starter") / "deploy" / "helm" / "order"))
    with pytest.raises(AssertionError, match="additional properties 'terminationGraceSeconds' not allowed"):
        conform(rendered.replace("terminationGracePeriodSeconds", "terminationGraceSeconds"), tmp_path)


@pytest.mark.parametrize("sample", SAMPLES)
def test_no_pod_has_more_rights_than_the_restricted_standard_gives(
    sample: str, umbrella: Callable[[str], Path]
) -> None:
    deployments = [
        item for item in objects(helm("template", "x", str(umbrella(sample)))) if item["kind"] == "Deployment"
    ]
    assert deployments
    for deployment in deployments:
        pod = deployment["spec"]["template"]["spec"]
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 10000
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        probes = [container[name]["httpGet"]["path"] for name in ("startupProbe", "readinessProbe", "livenessProbe")]
        assert probes == ["/startupz", "/readyz", "/livez"]
        assert container["resources"]["requests"] and container["resources"]["limits"]["memory"]


def environment(deployment: dict[str, Any]) -> dict[str, str]:
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    return {each["name"]: each["value"] for each in container["env"]}


@pytest.mark.parametrize("sample", SAMPLES)
def test_the_compose_file_fits_its_schema(sample: str, fleet_of: Fleet) -> None:
    run(["check-jsonschema", "--builtin-schema", "vendor.compose-spec", str(fleet_of(sample) / "deploy/compose.yaml")])


@pytest.mark.parametrize("sample", SAMPLES)
def test_compose_mounts_files_that_are_there_and_starts_every_service(sample: str, fleet_of: Fleet) -> None:
    deploy = fleet_of(sample) / "deploy"
    compose = yaml.safe_load((deploy / "compose.yaml").read_text())
    services = {path.name for path in (fleet_of(sample) / "services").iterdir()}
    servers = {"postgres", "kafka", "registry", "jaeger", "collector", "prometheus", "grafana"}
    assert set(compose["services"]) == services | servers
    mounted = [volume.split(":")[0] for each in compose["services"].values() for volume in each.get("volumes", ())]
    local = [path for path in mounted if path.startswith(".")]
    assert len(local) == 5 and all((deploy / path).exists() for path in local)
    for name in services:
        assert (fleet_of(sample) / compose["services"][name]["build"]["dockerfile"]).is_file()


def test_promtool_accepts_configuration_and_alerts(fleet_of: Fleet) -> None:
    telemetry = fleet_of("starter") / "deploy" / "telemetry"
    promtool = str(debian_program("prometheus", "usr/bin/promtool"))
    assert "SUCCESS" in run([promtool, "check", "config", str(telemetry / "prometheus.yaml")])
    assert "5 rules found" in run([promtool, "check", "rules", str(telemetry / "alerts.yaml")])


def instruments() -> Iterator[str]:
    """The metrics of the chassis under the names that Prometheus gives them."""
    made = re.compile(
        r'create_(counter|histogram|observable_gauge)\(\s*"([a-z._]+)"([^)]*)|_gauge\("([a-z._]+)", "([^"]+)"'
    )
    for source in CHASSIS.rglob("*.py"):
        for kind, name, rest, gauge, unit in made.findall(source.read_text()):
            base = (name or gauge).replace(".", "_")
            seconds = "_seconds" if '"s"' in rest or unit == "s" else ""
            ends = {"counter": ["_total"], "histogram": ["_count", "_sum", "_bucket"]}.get(kind, [""])
            yield from (f"{base}{seconds}{end}" for end in ends)


def asked_for(fleet: Path) -> set[str]:
    dashboard = json.loads((fleet / "deploy/telemetry/grafana/dashboards/fleet.json").read_text())
    alerts = yaml.safe_load((fleet / "deploy/telemetry/alerts.yaml").read_text())
    asked = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    asked += [each["query"]["query"] for each in dashboard["templating"]["list"]]
    asked += [rule["expr"] for group in alerts["groups"] for rule in group["rules"]]
    return {name for expression in asked for name in re.findall(r"\b(?:http|messaging|fleet)_[a-z_]+", expression)}


def test_dashboards_and_alerts_ask_for_metrics_that_the_chassis_has(fleet_of: Fleet) -> None:
    asked = asked_for(fleet_of("starter")) - {"http_response_status_code"}  # a label
    assert len(asked) > 10
    assert asked <= set(instruments())


@pytest.mark.parametrize("sample", SAMPLES)
def test_actionlint_accepts_the_workflow(sample: str, fleet_of: Fleet) -> None:
    workflow = fleet_of(sample) / ".github/workflows/ci.yaml"
    run([str(go_tool(*ACTIONLINT)), "-shellcheck=", "-pyflakes=", str(workflow)])
    jobs = yaml.safe_load(workflow.read_text())["jobs"]
    services = sorted(path.name for path in (fleet_of(sample) / "services").iterdir())
    assert sorted(jobs["service"]["strategy"]["matrix"]["service"]) == services


def test_the_workflow_runs_targets_that_the_makefile_has(fleet_of: Fleet) -> None:
    fleet = fleet_of("starter")
    jobs = yaml.safe_load((fleet / ".github/workflows/ci.yaml").read_text())["jobs"].values()
    commands = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    for command in commands:
        run([*command.replace('"', "").replace("${{ matrix.service }}", "order").split(), "--dry-run"], cwd=fleet)
    assert {command.split()[1].strip('"').partition("-")[0] for command in commands} == {
        "check",
        "test",
        "image",
        "charts",
    }
