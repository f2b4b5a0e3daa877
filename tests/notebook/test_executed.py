"""`%lobu` where an output stays as its cell left it: nbconvert, papermill, `jupyter execute`, IPython at a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
import pytest

from lobu_jupyter.notebook.output.cell_output import MIME
from tests.servers import REPOSITORY

from .cells import bare_kernel

CELLS = (
    "%load_ext lobu_jupyter\nimport lobu_jupyter as lobu",
    "%lobu --agent script say it works",
    "%lobu --agent script run print(40 + 2)",
    "%lobu approve",
    "lobu.ask('say and from Python', agent='script')",
)
SECONDS = 180
RUNNERS = {
    "nbconvert": (
        *("nbconvert", "--to", "notebook", "--execute", "in.ipynb", "--output", "out.ipynb"),
        "--ExecutePreprocessor.record_timing=False",
    ),
    "papermill": ("papermill", "in.ipynb", "out.ipynb"),
    "jupyter execute": ("jupyter", "execute", "in.ipynb", "--output=out.ipynb"),
}


@pytest.mark.parametrize("runner", RUNNERS)
def test_the_executed_notebook_has_what_the_agent_said(runner: str, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in CELLS]
    kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernelspec}), tmp_path / "in.ipynb"
    )

    name, *arguments = RUNNERS[runner]
    program = Path(sys.executable).with_name("jupyter-nbconvert" if name == "nbconvert" else name)
    done = subprocess.run(
        [program, *arguments],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    _, said, asked, approved, shown = [
        cell for cell in nbformat.read(tmp_path / "out.ipynb", as_version=4).cells if cell.source in CELLS
    ]
    assert text(said) == "> say it works\nit works\nDone."
    assert said.outputs[0].data[MIME]["snapshot"]["runs"][-1]["status"] == "succeeded"
    assert "? run_code asks" in text(asked) or "Answer with run.approve()" in text(asked)
    assert "  | 42" in text(approved)
    assert "See the result: %lobu wait" in text(shown) or "and from Python" in text(shown).splitlines()[1]


def test_a_page_without_a_server_of_ours_shows_what_comes_later(tmp_path: Path) -> None:
    """VS Code and Colab name the cell in their request, and show updates of it."""
    with bare_kernel(tmp_path) as kernel:
        request = kernel.client.session.msg(
            "execute_request", page_request("%lobu --agent script ask ask Which colour? | red | blue")
        )
        request["metadata"] = {"cellId": "vscode-notebook-cell:work.ipynb#W0"}
        kernel.client.shell_channel.send(request)
        cell = kernel.collect(request["header"]["msg_id"])
        waited = kernel.run("%lobu wait")

    assert "… " in cell.text, cell
    assert "%lobu wait" not in cell.text
    assert "Answer with" in waited.text


def test_ipython_at_a_terminal_prints_the_answer_and_takes_a_decision(tmp_path: Path) -> None:
    with ipython(tmp_path) as terminal:
        terminal.until("In [1]")
        terminal.type("%load_ext lobu_jupyter")
        terminal.until("In [2]")
        terminal.type("%lobu --agent script say it works")
        said = terminal.until("In [3]")
        terminal.type("%lobu --agent script ask ask Which colour? | red | blue")
        asked = terminal.until("In [4]")
        terminal.type("%lobu answer blue")
        answered = terminal.until("In [5]")

    assert "\nit works" in said
    assert "about to start" not in said + asked + answered
    assert "Which colour?" in asked
    assert "blue" in answered.partition("Resuming…")[2], answered


# -- the runners --------------------------------------------------------------------------------------


def page_request(code: str) -> dict[str, object]:
    return {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }


def text(cell: nbformat.NotebookNode) -> str:
    return "".join(output.get("text") or output.data["text/plain"] for output in cell.outputs)


def environment(home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("JPY_", "JUPYTER", "LOBU", "VSCODE"))}
    folders = {
        f"JUPYTER_{name}_DIR": str(home / ".jupyter" / name.lower()) for name in ("CONFIG", "DATA", "RUNTIME")
    }
    return {
        **kept,
        **folders,
        "IPYTHONDIR": str(home / ".ipython"),
        "PYTHONPATH": str(REPOSITORY),
        "TERM": "dumb",
    }


class Terminal:
    """A person at a pseudo-terminal."""

    def __init__(self, master: int) -> None:
        self._master = master
        self._seen = ""

    def type(self, line: str) -> None:
        os.write(self._master, line.encode() + b"\r")

    def until(self, prompt: str) -> str:
        """Return what was printed up to `prompt`."""
        end = time.monotonic() + SECONDS
        while prompt not in self._seen:
            ready, _, _ = select.select([self._master], [], [], 1)
            assert time.monotonic() < end, self._seen
            if ready:
                self._seen += os.read(self._master, 65536).decode(errors="replace").replace("\r\n", "\n")
        printed, _, self._seen = self._seen.partition(prompt)
        return printed


@contextmanager
def ipython(home: Path) -> Iterator[Terminal]:
    command = [sys.executable, "-m", "IPython", "--simple-prompt", "--colors=NoColor", "--no-banner"]
    master, slave = pty.openpty()
    process = subprocess.Popen(
        command, cwd=home, env=environment(home), stdin=slave, stdout=slave, stderr=slave, close_fds=True
    )
    os.close(slave)
    try:
        yield Terminal(master)
        os.write(master, b"exit\r")
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait()
        os.close(master)
