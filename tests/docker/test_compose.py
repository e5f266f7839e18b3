"""The compose file against its published schema, our settings and our own rules."""

import json
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from backend.core.settings import Settings
from backend.web.flower_sign_in import WHO

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: it for name, it in SERVICES.items() if it["image"] == "glassbox"}
SECRETS = {
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "WEB_SECRET",
    "GRAFANA_PASSWORD",
}

every_service = pytest.mark.parametrize("name", SERVICES)


def test_the_file_meets_the_published_schema() -> None:
    # check-jsonschema carries compose-spec.json as the Compose specification publishes it.
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec",
         "docker-compose.yml"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_parts_are_there() -> None:
    asked = [
        "postgres",
        "redis",
        "minio",
        "ibkr-gateway",
        "web",
        "worker",
        "beat",
        "tracker",
        "flower",
        "prometheus",
        "grafana",
    ]
    assert set(asked) | {"migrate", "paper-gateway"} == set(SERVICES)


@every_service
def test_each_service_is_checked_and_started_again(name: str) -> None:
    service = SERVICES[name]
    if name == "migrate":
        assert service["restart"] == "on-failure"
        return
    assert service["restart"] == "unless-stopped"
    assert service["healthcheck"]["test"][0] in ("CMD", "CMD-SHELL")


@every_service
def test_no_service_runs_as_root(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    if "build" not in service:
        assert service["user"] not in ("root", "0")
        return
    context, file = service["build"]["context"], service["build"]["dockerfile"]
    lines = (ROOT / context / file).read_text().splitlines()
    users = [line.split()[1] for line in lines if line.startswith("USER ")]
    assert users
    assert users[-1].partition(":")[0].isdigit()
    assert users[-1] != "0"


@every_service
def test_ports_are_bound_to_this_machine_alone(name: str) -> None:
    for port in SERVICES[name].get("ports", []):
        assert port.startswith("127.0.0.1:"), port


def test_a_missing_secret_stops_the_start_with_its_name() -> None:
    text = (ROOT / "docker-compose.yml").read_text()
    for name in SECRETS:
        uses = re.findall(r"\$\{" + name + r"([^}]*)\}", text)
        assert uses
        assert all(use.startswith(":?") for use in uses), name
    assert "${COMPOSE_PROFILES:?" in text


def test_no_secret_has_a_value_of_its_own() -> None:
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|BASIC_AUTH|ACCESS_KEY", variable):
                assert "${" in value, f"{name}: {variable}"
                assert ":-" not in value, f"{name}: {variable}"


@pytest.mark.parametrize("name", OURS)
def test_the_environment_names_settings_that_exist(name: str) -> None:
    known = {field.upper() for field in Settings.model_fields}
    for variable in OURS[name].get("environment", {}):
        is_flowers = variable.startswith(("FLOWER_", "CELERY_"))
        assert variable in known or (name == "flower" and is_flowers), variable


@pytest.mark.parametrize("name", OURS)
def test_commands_name_modules_that_exist(name: str) -> None:
    command = OURS[name]["command"]
    assert command[:2] == ["python", "-m"]
    assert find_spec(command[2])
    for word in command[3:]:
        if word.startswith("backend."):
            assert find_spec(word.partition(":")[0]), word
        if word.endswith(".ini"):
            assert (ROOT / word).is_file()


def test_volumes_and_files_that_are_mounted_exist() -> None:
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.partition(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in COMPOSE["volumes"], source


def test_the_two_gateways_answer_to_one_name_and_never_run_together() -> None:
    assert SERVICES["ibkr-gateway"]["profiles"] == ["live"]
    assert SERVICES["paper-gateway"]["profiles"] == ["paper"]
    assert "ibkr-gateway" in SERVICES["paper-gateway"]["networks"]["default"]["aliases"]


def test_prometheus_and_grafana_look_where_things_are() -> None:
    scraped = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text())["scrape_configs"]
    assert scraped[0]["static_configs"][0]["targets"] == ["web:8000"]
    assert "web" in OURS["web"]["environment"]["WEB_ALLOWED_HOSTS"].strip("}").split(",")
    source = yaml.safe_load(
        (ROOT / "docker/grafana/provisioning/datasources/prometheus.yml").read_text()
    )["datasources"][0]
    assert source["url"] == "http://prometheus:9090"


def test_the_dashboard_asks_for_metrics_that_we_serve() -> None:
    code = (ROOT / "backend/executions/metrics.py").read_text()
    dashboard = json.loads((ROOT / "docker/grafana/dashboards/glassbox.json").read_text())
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    asked = {name for query in queries for name in re.findall(r"glassbox_\w+", query)}
    assert len(asked) > 5
    for name in asked:
        assert f'"{name.removesuffix("_total")}"' in code, name


def test_the_queues_page_asks_for_our_own_sign_in() -> None:
    given = SERVICES["flower"]["environment"]
    module, _, name = given["FLOWER_AUTH_PROVIDER"].rpartition(".")
    assert hasattr(import_module(module), name)
    assert given["FLOWER_AUTH"] == WHO
    assert given["WEB_SECRET"] == SERVICES["web"]["environment"]["WEB_SECRET"]
