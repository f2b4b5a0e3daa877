"""The exceptions that a cell raises when its run does not end well."""

from __future__ import annotations

from lobu_jupyter.model.errors import brief


class RunFailed(Exception):
    """The failure of a run. ``code`` is its RUN_ERROR's, and the message says what to do next."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} [{code}]")
        self.code = code
        self.message = message

    def _render_traceback_(self) -> list[str]:
        return brief(self)


class RunTimeout(RunFailed, TimeoutError):
    """The failure of a run that exceeded its timeout and was cancelled."""

    def __init__(self, seconds: float) -> None:
        super().__init__("timeout", f"The run took longer than {seconds:g} s and was cancelled.")


class NoGateway(Exception):
    """The failure to find a gateway. The message says what to do."""

    def _render_traceback_(self) -> list[str]:
        return brief(self)
