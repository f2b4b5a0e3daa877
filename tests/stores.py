"""The store of a test, in the database that the session is for: ``--store sqlite`` (the usual one) or ``--store postgres``."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from tests import postgres

Kind = Literal["sqlite", "postgres"]
BOTH: tuple[Kind, ...] = ("sqlite", "postgres")
SLICE = (
    "tests/contract/test_in_process.py",
    "tests/contract/test_two_servers.py",
    "tests/gateway/runs/test_resume.py",
    "tests/gateway/stores/",
    "tests/store/postgres/",
    "tests/tenancy/",
)
"""What runs on both in any session. The rest does in ``make test-postgres``."""

chosen: Kind = "sqlite"


def new_store(folder: Path, kind: Kind | None = None, name: str = "lobu.sqlite") -> str | Path:
    """A path in a folder, or the address of a new schema."""
    return folder / name if (kind or chosen) == "sqlite" else postgres.new_store()
