"""A kernel's language is in its tools, in the question and in what an approval covers."""

from __future__ import annotations

from typing import Any, cast

import pytest

from lobu_jupyter.agents.tools.base import Call, ToolError, Work
from lobu_jupyter.agents.tools.kernel import about_kernel, kernel_tools, run_code
from lobu_jupyter.model.covering import covers
from lobu_jupyter.model.policy import Grant
from lobu_jupyter.model.ports import KernelInfo, Task


def task_in(language: str) -> Task:
    kernel = KernelInfo(kernel_id="k", incarnation=1, language=language)
    return Task(run_id="r", thread_id="t", incarnation=1, agent="assistant", kernel=kernel)


async def nothing(*_: Any) -> None:
    pass


def work_in(language: str) -> Work:
    return Work(task_in(language), cast("Any", object()), nothing, nothing)


async def test_a_kernel_of_another_language_runs_code_and_is_not_looked_into() -> None:
    (run,) = kernel_tools(task_in("r"))

    assert run.spec.name == "run_code"
    assert "Run R code" in run.spec.description
    assert "Python" not in run.spec.description
    assert "speaks R, not Python" in about_kernel(work_in("r"))
    assert run.preview is not None
    assert (await run.preview(work_in("r"), {"code": "1"})).message == "Run this R code?"
    assert about_kernel(work_in("python")) == ""
    assert len(kernel_tools(task_in("python"))) == 3


def test_simple_python_is_not_simple_elsewhere() -> None:
    grant = Grant(
        grant_id="g", tool="run_code", scope="thread", covers="simple", digest=None, thread_id="t", by="ada"
    )
    args = {"code": "x = 1"}  # in bash the command x
    (bash,) = kernel_tools(task_in("bash"))

    assert covers(grant, "run_code", args)
    assert not covers(grant, "run_code", args, bash.binds)


async def test_code_that_was_approved_as_python_is_not_run_as_bash() -> None:
    call = Call("c", {"code": "ls"}, guard={"language": "python"})

    with pytest.raises(ToolError, match="approved as python"):
        await run_code(work_in("bash"), call)
