"""Output areas: outputs that code writes into ipywidgets' ``Output`` widgets, as rich's progress bars do.

While such a widget captures, its ``msg_id`` is that of the request, and a page routes the request's outputs
into it. This module does the same without a page, so that ``clear_output`` clears only the area.
"""

from __future__ import annotations

from typing import Any

from lobu_jupyter.model.mime_text import joined, text_of_data
from lobu_jupyter.model.terminal import TextScreen

_LONGEST_ID = 100
_MOST = 500  # outputs of one area


def widget_display(model_id: str) -> str:
    """Return the display id under which the view of a widget is shown."""
    return f"widget:{model_id}"


def widget_view(view: dict[str, Any]) -> dict[str, Any]:
    """Return what names a widget to a page that can show it live, and nothing else."""
    return {"version_major": 2, "version_minor": 0, "model_id": str(view.get("model_id"))[:_LONGEST_ID]}


def is_area(content: dict[str, Any]) -> bool:
    """Return whether a comm_open is that of an ``Output`` widget."""
    state: Any = (content.get("data") or {}).get("state")
    return isinstance(state, dict) and state.get("_model_name") == "OutputModel"


class Area:
    """The outputs in one ``Output`` widget. ``open`` is true while the request writes into it."""

    def __init__(self) -> None:
        self.open = False
        self._outputs: list[dict[str, Any]] = []
        self._clearing = False

    def on_state(self, content: dict[str, Any], request_id: str) -> None:
        """Update ``open`` from a change of the widget's state."""
        state: Any = (content.get("data") or {}).get("state")
        if isinstance(state, dict) and "msg_id" in state:
            self.open = state["msg_id"] == request_id

    def add(self, output: dict[str, Any]) -> None:
        if self._clearing:
            self._outputs.clear()
            self._clearing = False
        self._outputs.append(output)
        del self._outputs[:-_MOST]

    def clear(self, *, wait: bool) -> None:
        if wait:
            self._clearing = True
        else:
            self._outputs.clear()

    def data(self) -> dict[str, Any]:
        """Return all outputs as one MIME bundle."""
        if len(self._outputs) == 1 and "data" in self._outputs[0]:
            return self._outputs[0]["data"]
        screen = TextScreen()
        for output in self._outputs:
            if "text" in output:
                screen.write(joined(output["text"]))
            elif "traceback" in output:
                screen.write("\n".join(map(str, output["traceback"])))
            else:
                screen.write(text_of_data(output.get("data") or {}) + "\n")
        return {"text/plain": screen.text()}
