"""Agents in notebooks whose runs survive reload, restart and doubt.

::

    %load_ext lobu_jupyter
    %lobu plot sales by month

or, from Python: ``import lobu_jupyter as lobu``, then ``run = lobu.ask("plot sales by month")``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lobu_jupyter.notebook.api import NotebookThread as NotebookThread
    from lobu_jupyter.notebook.api import ask as ask
    from lobu_jupyter.notebook.api import kernel_id as kernel_id
    from lobu_jupyter.notebook.api import rest as rest
    from lobu_jupyter.notebook.api import thread as thread
    from lobu_jupyter.notebook.errors import NoGateway as NoGateway
    from lobu_jupyter.notebook.errors import RunFailed as RunFailed
    from lobu_jupyter.notebook.errors import RunTimeout as RunTimeout
    from lobu_jupyter.notebook.recording import record as record
    from lobu_jupyter.notebook.run import Run as Run
    from lobu_jupyter.notebook.tools.decorator import tool as tool
    from lobu_jupyter.notebook.widget import ChatWidget as ChatWidget

    __version__: str

_HOMES = {
    "ChatWidget": "widget",
    "NotebookThread": "api",
    "NoGateway": "errors",
    "Run": "run",
    "RunFailed": "errors",
    "RunTimeout": "errors",
    "ask": "api",
    "kernel_id": "api",
    "record": "recording",
    "rest": "api",
    "thread": "api",
    "tool": "tools.decorator",
}

__all__ = [
    "ChatWidget",
    "NoGateway",
    "NotebookThread",
    "Run",
    "RunFailed",
    "RunTimeout",
    "__version__",
    "ask",
    "kernel_id",
    "record",
    "rest",
    "thread",
    "tool",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return _version()
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f".notebook.{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: Any) -> None:
    """Register `%lobu` and `%%lobu`, for `%load_ext lobu_jupyter`."""
    from lobu_jupyter.notebook.magic import LobuMagics

    shell.register_magics(LobuMagics)
    for name in ("%lobu", "%%lobu"):
        shell.set_hook("complete_command", _complete, str_key=name)


def _complete(shell: Any, event: Any) -> list[str]:
    from lobu_jupyter.notebook.completing import complete

    return complete(shell, event)


def _jupyter_server_extension_points() -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction] - Jupyter calls it
    import gc
    from importlib import import_module

    collects = gc.isenabled()
    gc.disable()  # a full collection of all that Jupyter has loaded takes as long as our loading
    try:
        # By name, so that importers of this package (a notebook, the client) do not depend on the server.
        return [{"module": "lobu_jupyter", "app": import_module(".server.app", __name__).LobuApp}]
    finally:
        if collects:
            gc.enable()


def _jupyter_labextension_paths() -> list[dict[str, str]]:  # pyright: ignore[reportUnusedFunction] - Jupyter calls it
    return [{"src": "labextension", "dest": "lobu-jupyter"}]


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("lobu_jupyter")
    except PackageNotFoundError:
        import json
        from pathlib import Path

        package = Path(__file__).parents[1] / "labextension" / "package.json"
        return str(json.loads(package.read_text())["version"])
