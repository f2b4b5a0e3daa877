"""The wheel in fresh environments: the oldest versions that we name and the newest, on each Python that is here.

`make test-environments` runs it. It installs packages, so it is no part of `make test`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
SMOKE = Path(__file__).with_name("smoke.py")
UV = str(Path(sys.executable).with_name("uv"))
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([UV, "build", "--wheel", "--quiet", "--out-dir", folder, REPOSITORY], check=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.mark.parametrize("resolution", ["lowest-direct", "highest"])
@pytest.mark.parametrize("version", PYTHONS)
def test_a_fresh_installation_works(version: str, resolution: str, wheel: Path, tmp_path: Path) -> None:
    base = interpreter(version)
    if base is None:
        pytest.skip(f"Python {version} is not installed here")
    venv, names = tmp_path / "venv", tmp_path / "names.txt"
    python = venv / "bin" / "python"

    uv("venv", "--python", base, str(venv))
    options = ["--resolution", resolution, "--python", str(python), "--no-annotate", "--no-header"]
    uv("pip", "compile", str(REPOSITORY / "pyproject.toml"), *options, "--output-file", str(names))
    uv("pip", "install", "--python", str(python), "--requirement", str(names))
    uv("pip", "install", "--python", str(python), "--no-deps", str(wheel))
    done = subprocess.run(
        [python, SMOKE, tmp_path / "home"],
        cwd=tmp_path,
        env={
            k: v for k, v in os.environ.items() if not k.startswith(("JUPYTER", "LOBU", "PYTEST", "PYTHON"))
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=280,
    )

    print(done.stdout)
    assert done.returncode == 0, done.stdout[-6000:]
    assert done.stdout.rstrip().endswith("works")


def uv(*arguments: str) -> None:
    subprocess.run([UV, *arguments, "--quiet"], check=True, timeout=280)


def interpreter(version: str) -> str | None:
    """Return the path of a Python of this version: on the PATH, or pyenv's."""
    found = shutil.which(f"python{version}")
    here = [] if found is None else [found]
    home = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    for python in [*here, *map(str, sorted(home.glob(f"versions/{version}.*/bin/python")))]:
        said = subprocess.run([python, "--version"], capture_output=True, text=True, check=False).stdout
        if said.startswith(f"Python {version}."):
            return python
    return None
