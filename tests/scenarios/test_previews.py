"""A preview of variables during a person's cell costs the person nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.notebook.cells import ServedKernel
from tests.servers import RealServer, wait_for

from .person import Person, result_of

CULLED_AFTER = 3


@pytest.fixture
def culling_server(tmp_path: Path) -> Iterator[RealServer]:
    options = [
        f"--MappingKernelManager.cull_idle_timeout={CULLED_AFTER}",
        "--MappingKernelManager.cull_interval=1",
        "--MappingKernelManager.cull_connected=True",
    ]
    server = RealServer(tmp_path / "server", options=options)
    try:
        yield server.start()
    finally:
        server.stop()


@pytest.mark.scenario("W7")
def test_a_preview_does_not_make_a_busy_kernel_look_idle(culling_server: RealServer, tmp_path: Path) -> None:
    kernel = ServedKernel(culling_server, "work.ipynb")
    person = Person(culling_server)
    thread = person.thread(kernelId=kernel.kernel_id)
    done = tmp_path / "done"
    cell = f"import os, time\nsales = 7\nwhile not os.path.exists({str(done)!r}): time.sleep(0.1)"

    def model() -> dict[str, str]:
        return culling_server.jupyter("GET", f"api/kernels/{kernel.kernel_id}")

    def preview() -> str:
        return result_of(person.finish(thread, person.start(thread, "tool list_variables {}")["runId"]))

    preview()  # it brings our guest into the kernel
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(kernel.run, cell)
        try:
            wait_for("the cell", lambda: model()["execution_state"] == "busy")
            assert "sales" in preview()
            assert model()["execution_state"] == "busy"
            end = time.monotonic() + 3 * CULLED_AFTER
            while time.monotonic() < end:  # the culler's chance
                assert model()["execution_state"] == "busy"
                time.sleep(0.5)
        finally:
            done.touch()
        assert not running.result(timeout=60).error
    kernel.close()
