"""examples/hub: the recipe for Kubernetes against its chart's schema, and the one for a single machine on a real hub."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.ports import take
from tests.scenarios.person import Person, text_of
from tests.servers import REPOSITORY

from .conftest import WHOLE
from .hub import BIN, Hub

EXAMPLES = REPOSITORY / "examples" / "hub"
SCHEMA = json.loads(Path(__file__).with_name("zero_to_jupyterhub.schema.json").read_text())
VALUES = yaml.safe_load((EXAMPLES / "values.yaml").read_text())
MANIFESTS = {m["kind"]: m for m in yaml.safe_load_all((EXAMPLES / "lobu.yaml").read_text())}


def test_the_values_are_the_charts() -> None:
    jsonschema.validate(VALUES, SCHEMA)


@pytest.mark.parametrize("where", [("hub", "servicess"), ("singleuser", "extraenv"), ("cull", "enable")])
def test_the_schema_refuses_a_key_that_the_chart_does_not_know(where: tuple[str, str]) -> None:
    wrong = {**VALUES, where[0]: {**VALUES[where[0]], where[1]: {}}}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(wrong, SCHEMA)


@pytest.mark.skipif(
    shutil.which("helm") is None or "Z2JH_CHART" not in os.environ,
    reason="no helm, or no chart at Z2JH_CHART: only the chart's schema was checked",
)
def test_helm_takes_the_values() -> None:
    command = ["helm", "template", os.environ["Z2JH_CHART"], "-f", str(EXAMPLES / "values.yaml")]

    assert "LOBU_GATEWAY_URL" in subprocess.run(command, check=True, capture_output=True, text=True).stdout


def container() -> dict[str, Any]:
    """Return the service's container."""
    (found,) = MANIFESTS["Deployment"]["spec"]["template"]["spec"]["containers"]
    return found


def test_only_the_service_has_the_database_s_address() -> None:
    text = (EXAMPLES / "values.yaml").read_text()
    assert "postgres" not in text
    assert "LOBU_STORE" not in text
    (store,) = [e for e in container()["env"] if e["name"] == "LOBU_STORE"]
    assert set(store["valueFrom"]) == {"secretKeyRef"}, "from a Secret, not from the file"


def test_the_addresses_ports_and_labels_of_both_files_fit() -> None:
    labels = MANIFESTS["Deployment"]["spec"]["template"]["metadata"]["labels"]
    (port,) = MANIFESTS["Service"]["spec"]["ports"]
    address = f"http://{MANIFESTS['Service']['metadata']['name']}:{port['port']}"
    (egress,) = VALUES["singleuser"]["networkPolicy"]["egress"]
    (ingress,) = MANIFESTS["NetworkPolicy"]["spec"]["ingress"]
    environment = {e["name"]: e.get("value") for e in container()["env"]}

    assert VALUES["hub"]["services"]["lobu"]["url"] == address
    prefix = environment["JUPYTERHUB_SERVICE_PREFIX"]
    assert VALUES["singleuser"]["extraEnv"]["LOBU_GATEWAY_URL"] == f"{address}{prefix}"
    for selector in (
        egress["to"][0]["podSelector"]["matchLabels"],
        MANIFESTS["Service"]["spec"]["selector"],
        MANIFESTS["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"],
        MANIFESTS["PodDisruptionBudget"]["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels.items()
    assert {rule["ports"][0]["port"] for rule in (egress, ingress)} == {port["port"]}
    assert environment["JUPYTERHUB_SERVICE_URL"].endswith(f":{port['port']}")
    assert MANIFESTS["Deployment"]["spec"]["replicas"] >= 2


@WHOLE
def test_the_recipe_for_one_machine_runs(installed: None, tmp_path: Path) -> None:
    recipe = (EXAMPLES / "tljh.py").read_text()
    here = {
        "PYTHON": str(BIN / "python"),
        "HOME": str(tmp_path),
        "USER": "",
        "PORT": take(),
        "STORE": f"{tmp_path}/lobu.sqlite",
    }
    for name, value in here.items():
        recipe, changed = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", recipe, flags=re.MULTILINE)
        assert changed == 1, name
    recipe = recipe.replace(
        '"-m", "lobu_jupyter.server.hub",', '"-m", "lobu_jupyter.server.hub", "--allow-root",'
    )
    before = "c.Spawner.environment = dict(given['environment'])\n"

    with Hub(tmp_path / "hub", config=before + recipe) as hub:
        server = hub.server("ada")
        ada = Person(server)  # pyright: ignore[reportArgumentType]
        thread = ada.thread()
        assert "kept" in text_of(ada.finish(thread, ada.start(thread, "say kept")["runId"]))

        assert (tmp_path / "lobu.sqlite").exists()
        assert not list(hub.home_of("ada").rglob("lobu.sqlite"))
        page = hub.log_in("ada").get("services/lobu/")
        assert page.status_code == 200, page.text
