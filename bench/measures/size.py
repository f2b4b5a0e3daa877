"""B13: what the package adds to a JupyterLab environment."""

from __future__ import annotations

import gzip
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from bench.machine import Watch
from bench.scale import Scale
from bench.table import Row
from tests.servers import REPOSITORY


async def b13(folder: Path, scale: Scale, watch: Watch) -> list[Row]:
    added = sorted(_closure("lobu_jupyter") - _closure("jupyterlab"))
    megabytes = sum(_size(name) for name in added) / 1e6
    static = REPOSITORY / "lobu_jupyter" / "labextension" / "static"
    zipped = sum(len(gzip.compress(file.read_bytes())) for file in static.glob("*.js")) / 1e3
    note = ", ".join(f"{name} {_size(name) / 1e6:.1f} MB" for name in added)
    return [
        Row(id="B13.packages", what="packages added to JupyterLab's", unit="packages", product=[float(len(added))],
            bound=30, note=note),
        Row(id="B13.size", what="their size", unit="MB", product=[megabytes], bound=40),
        Row(id="B13.bundle", what="the front end's bundle, gzipped", unit="kB", product=[zipped], bound=300),
    ]  # fmt: skip


def _closure(name: str) -> set[str]:
    """A distribution and all that it needs here, without extras that nobody asks for."""
    found: set[str] = set()
    waiting = [(name, frozenset[str]())]
    while waiting:
        current, extras = waiting.pop()
        key = current.lower().replace("_", "-").replace(".", "-")
        try:
            needs = distribution(current).requires or []
        except PackageNotFoundError:
            continue  # for another platform
        found.add(key)
        for line in needs:
            need = Requirement(line)
            wanted = any(
                need.marker is None or need.marker.evaluate({"extra": extra}) for extra in (*extras, "")
            )
            other = need.name.lower().replace("_", "-").replace(".", "-")
            if wanted and (other not in found or need.extras):
                if other in found and other == key:
                    continue
                waiting.append((need.name, frozenset(need.extras)))
    return found


def _size(name: str) -> int:
    """Bytes of a distribution's files; our own are in the tree."""
    if name == "lobu-jupyter":
        return sum(f.stat().st_size for f in (REPOSITORY / "lobu_jupyter").rglob("*") if _ships(f))
    files = distribution(name).files or []
    return sum(
        Path(str(file.locate())).stat().st_size for file in files if Path(str(file.locate())).is_file()
    )


def _ships(file: Path) -> bool:
    return file.is_file() and "__pycache__" not in file.parts
