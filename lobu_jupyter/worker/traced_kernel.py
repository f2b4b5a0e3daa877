"""A run's kernel whose executions are spans, if this worker exports traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lobu_jupyter.agents import tracing

if TYPE_CHECKING:
    from lobu_jupyter.model.ports import Executed, KernelPort, Task

    from .kernel.executor import OnOutput, OnWaiting


def traced(kernel: KernelPort | None, task: Task) -> KernelPort | None:
    """Return the kernel itself if there are no traces."""
    return kernel if kernel is None or not tracing.is_on() else TracedKernel(kernel, task)


class TracedKernel:
    """A :class:`~lobu_jupyter.model.ports.KernelPort` on another one."""

    def __init__(self, kernel: KernelPort, task: Task) -> None:
        self._kernel = kernel
        self._about = {
            "lobu.kernel.id": task.kernel.kernel_id if task.kernel is not None else None,
            "lobu.run.id": task.run_id,
        }

    async def run_code(
        self, code: str, on_output: OnOutput, on_waiting: OnWaiting, *, as_cell: bool = False
    ) -> Executed:
        about = {**self._about, "lobu.kernel.code": code if tracing.shows_content() else None}
        with tracing.span("execute code", about) as span:
            done = await self._kernel.run_code(code, on_output, on_waiting, as_cell=as_cell)
            _told(span, done)
        return done

    async def look(self, expression: str) -> Executed:
        return await self._kernel.look(expression)

    async def call_tool(
        self,
        name: str,
        args: dict[str, Any],
        on_output: OnOutput,
        on_waiting: OnWaiting,
        *,
        approved: str | None = None,
    ) -> Executed:
        with tracing.span("call function", {**self._about, "gen_ai.tool.name": name}) as span:
            done = await self._kernel.call_tool(name, args, on_output, on_waiting, approved=approved)
            _told(span, done)
        return done


def _told(span: tracing.Attributes, done: Executed) -> None:
    span.put({"lobu.kernel.seconds": done.seconds})
    if not done.ok:
        span.fail(str((done.error or {}).get("ename") or "error"))
