"""Quicker starts for the processes of the tests: servers, workers, kernels, and the programs that they start.

A process imports jsonschema's grammar of IRIs in 1.3 s of CPU, a third of a server's start. Jupyter's event schemas bring
it, and nothing here has an IRI. `sitecustomize.py` beside this file keeps it out of each Python that has this folder in its
PYTHONPATH. Benchmarks have it not.
"""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def install() -> None:
    """Quicken this process, if it has not imported jsonschema yet, and those that it starts."""
    from . import sitecustomize as sitecustomize

    path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    if str(FOLDER) not in path:
        os.environ["PYTHONPATH"] = os.pathsep.join([*path, str(FOLDER)])


def pytest_configure() -> None:
    """With ``-p tests.starts``."""
    install()
