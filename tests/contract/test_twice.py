"""The contract on PostgreSQL when each body is rolled back once and runs again, as after a lost race."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lobu_jupyter.store.bodies import Again
from tests import postgres

from .test_in_process import TestInProcess as InProcess

pytestmark = pytest.mark.processes


class TestTwice(InProcess):
    @pytest.fixture
    def store(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        address = postgres.new_store()
        from lobu_jupyter.store.postgres import engine

        seen = set[int]()
        real = engine.drive

        attempt = engine.PostgresWriter._attempt

        def rolled_back_first(writer: engine.PostgresWriter, body: Any) -> Any:
            if id(body) not in seen:
                seen.add(id(body))
                number = writer.session.begin()
                tx = engine.PostgresTx(writer.session.connection(), writer.session.address.schema)
                real(body(tx))
                assert number
                raise Again("as if another transaction had been in the way")
            seen.discard(id(body))
            return attempt(writer, body)

        monkeypatch.setattr(engine.PostgresWriter, "_attempt", rolled_back_first)
        return address
