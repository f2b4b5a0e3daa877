"""What is installed is what was locked, above known advisories; what is bundled comes with its licences."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from labextension.check_bundle import without_notice
from tests.servers import REPOSITORY

WHOLE, RUNTIME = "requirements.lock", "requirements-runtime.lock"
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")
ENTRY = re.compile(r"([a-z0-9][a-z0-9._-]*)==(\S+)((?: ; [^\\]+)?)((?: --hash=sha256:[0-9a-f]{64})+)")
FLOORS = {
    "certifi": "2024.7.4",  # CVE-2024-39689
    "cryptography": "44.0.1",  # CVE-2024-12797
    "h11": "0.16",  # CVE-2025-43859
    "idna": "3.7",  # CVE-2024-3651
    "jinja2": "3.1.6",  # CVE-2025-27516
    "jupyter-core": "5.8.1",  # CVE-2025-30167
    "jupyter-server": "2.14.1",  # CVE-2024-35178
    "jupyterlab": "4.4.8",  # CVE-2025-59842
    "mcp": "1.23",  # CVE-2025-66416
    "notebook": "7.2.2",  # CVE-2024-43805
    "pillow": "11.3",  # CVE-2025-48379
    "requests": "2.32.4",  # CVE-2024-47081
    "starlette": "0.49.1",  # CVE-2025-62727
    "tornado": "6.5.3",  # CVE-2025-47287, CVE-2025-67724 to 67726
    "urllib3": "2.6.3",  # CVE-2025-66418, CVE-2025-66471, CVE-2026-21441
    "werkzeug": "3.1.4",  # CVE-2025-66221
}
"""The least versions without the advisories that we know of. It is kept by hand: no advisories can be had in CI."""
PROJECT: dict[str, Any] = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())


def locked(name: str) -> dict[str, tuple[str, frozenset[str]]]:
    """A lock's packages: version and hashes by name. Each line of it must be one."""
    text = (REPOSITORY / name).read_text().replace(" \\\n   ", "")
    found: dict[str, tuple[str, frozenset[str]]] = {}
    for line in text.splitlines():
        entry = ENTRY.fullmatch(line)
        assert entry is not None, f"{name}: {line[:100]!r} is no package with its hashes"
        found[entry[1]] = entry[2], frozenset(HASH.findall(entry[4]))
    return found


@pytest.mark.parametrize("name", [WHOLE, RUNTIME])
def test_every_package_is_locked_with_hashes_and_no_address(name: str) -> None:
    assert len(locked(name)) > 50
    assert "://" not in (REPOSITORY / name).read_text()


def test_what_users_run_is_locked_apart_as_it_was_tested() -> None:
    whole, runtime = locked(WHOLE), locked(RUNTIME)

    assert {name: runtime[name] for name in runtime if runtime[name] != whole.get(name)} == {}
    assert not {"pytest", "ruff", "playwright", "jupyterlab"} & set(runtime)


def _required() -> list[Requirement]:
    project = PROJECT["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return [Requirement(text) for group in groups for text in group]


def test_the_lock_has_what_the_project_requires() -> None:
    runtime = locked(RUNTIME)

    for wanted in _required():
        name = wanted.name.lower().replace("_", "-")
        assert runtime[name][0] in wanted.specifier, wanted


@pytest.mark.parametrize("name", [WHOLE, RUNTIME])
def test_no_locked_version_is_below_a_known_advisory(name: str) -> None:
    versions = {package: Version(version) for package, (version, _) in locked(name).items()}

    assert {
        p: str(versions[p]) for p, floor in FLOORS.items() if p in versions and versions[p] < Version(floor)
    } == {}


def test_who_installs_without_the_lock_is_above_them_as_well() -> None:
    floors = {
        wanted.name: max(Version(s.version) for s in wanted.specifier if s.operator == ">=")
        for wanted in _required()
        if any(s.operator == ">=" for s in wanted.specifier)
    }

    for name in ("tornado", "h11", "jinja2", "jupyter-core", "jupyter-server", "mcp"):
        assert floors[name] >= Version(FLOORS[name])


def test_installing_demands_the_hashes() -> None:
    lines = [
        text
        for text in (REPOSITORY / "Makefile").read_text().splitlines()
        if "--requirement requirements.lock" in text
    ]

    assert len(lines) == 2  # for ourselves, and for the shared notebooks of `make test-rooms`
    assert all("--require-hashes" in line for line in lines)


def test_the_front_ends_locks_have_checksums() -> None:
    entries = (REPOSITORY / "labextension" / "yarn.lock").read_text().split("\n\n")
    from_npm = [entry for entry in entries if "@npm:" in entry and "linkType: hard" in entry]
    locks = [REPOSITORY / "tests" / part / "package-lock.json" for part in ("agui", "agui/clients", "hub")]
    agui = [entry for lock in locks for entry in json.loads(lock.read_text())["packages"].items()]

    assert len(from_npm) > 100
    assert [
        entry.splitlines()[0]
        for entry in from_npm
        if "  checksum: " not in entry and "conditions:" not in entry
    ] == []
    assert [name for name, package in agui if name and "integrity" not in package] == []


# -- licences

BUILD = """
import { build } from 'esbuild';
import { notices } from './notices.mjs';
const { metafile } = await build({
  stdin: { contents: %s, resolveDir: process.cwd() }, bundle: true, write: false, metafile: true
});
console.log(JSON.stringify(await notices(metafile)));
"""


def built(contents: str, root: Path) -> subprocess.CompletedProcess[str]:
    script = BUILD % json.dumps(contents)
    command = ["node", "--input-type=module", "-e", script]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)


def test_a_bundle_comes_with_the_licence_of_each_package_in_it() -> None:
    done = built("import 'preact/hooks'; import 'marked'; import 'dompurify'", REPOSITORY / "labextension")

    packages = {each["name"]: each for each in json.loads(done.stdout)["packages"]}
    assert set(packages) == {"preact", "marked", "dompurify"}
    assert "Permission is hereby granted" in packages["preact"]["extractedText"]
    assert packages["marked"]["versionInfo"]


def test_a_package_without_a_licence_stops_the_build(tmp_path: Path) -> None:
    modules, ours = tmp_path / "node_modules", REPOSITORY / "labextension"
    (modules / "bare").mkdir(parents=True)
    (modules / "bare" / "package.json").write_text('{"name": "bare", "version": "1.0.0", "main": "index.js"}')
    (modules / "bare" / "index.js").write_text("console.log(1)")
    for needed in ("esbuild", "@esbuild"):
        (modules / needed).symlink_to(ours / "node_modules" / needed)
    (tmp_path / "notices.mjs").write_text((ours / "notices.mjs").read_text())

    done = built("import 'bare'", tmp_path)

    assert done.returncode != 0
    assert "bare, which has no licence text" in done.stderr


def test_a_bundle_without_its_notices_is_noticed(tmp_path: Path) -> None:
    good = {"packages": [{"name": "preact", "extractedText": "MIT …"}]}
    for folder in ("labextension/static", "notebook/static"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "third-party-licenses.json").write_text(json.dumps(good))
    assert without_notice(tmp_path) == []

    (tmp_path / "notebook/static/third-party-licenses.json").write_text('{"packages": [{"name": "preact"}]}')
    assert "no text of preact" in without_notice(tmp_path)[0]
    (tmp_path / "notebook/static/third-party-licenses.json").unlink()
    assert "has no third-party-licenses.json" in without_notice(tmp_path)[0]
