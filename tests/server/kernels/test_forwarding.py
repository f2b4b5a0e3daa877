"""A page's requests and a kernel's replies are recognised in each form that Jupyter carries them in."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from jupyter_client.session import Session
from jupyter_server.services.kernels.connection.base import (
    BaseKernelWebsocketConnection,
    serialize_binary_message,
    serialize_msg_to_ws_v1,
)

from lobu_jupyter.server.kernels.attendance import Attendance, Cells
from lobu_jupyter.server.kernels.forwarding import V1, ExecuteRequest, answered_in, noting, request_in


def message(kind: str = "execute_request", channel: str = "shell", **content: Any) -> dict[str, Any]:
    header = {"msg_id": "m1", "msg_type": kind, "session": "page"}
    return {
        "header": header,
        "parent_header": {},
        "metadata": {"execute_request": "shell"},
        "content": {"code": "1", **content},
        "channel": channel,
        "buffers": [],
    }


def pack(part: Any) -> bytes:
    return json.dumps(part).encode()


def as_v1(told: dict[str, Any]) -> tuple[bytes, str]:
    return serialize_msg_to_ws_v1(told, told["channel"], pack), V1


def as_text(told: dict[str, Any]) -> tuple[str, None]:
    return json.dumps(told), None


def as_binary(told: dict[str, Any]) -> tuple[bytes, None]:
    return serialize_binary_message({**told, "buffers": [b"\xff\x00"]}), None


FORMS = pytest.mark.parametrize("form", [as_v1, as_text, as_binary])


@FORMS
def test_a_cell_is_recognised(form: Any) -> None:
    assert request_in(*form(message())) == ExecuteRequest("m1", "", silent=False)
    assert request_in(*form(message(silent=True))) == ExecuteRequest("m1", "", silent=True)
    told = message()
    told["header"]["subshell_id"] = "s1"
    assert request_in(*form(told)) == ExecuteRequest("m1", "s1", silent=False)


@FORMS
@pytest.mark.parametrize(
    ("kind", "channel"), [("comm_msg", "shell"), ("execute_request", "control"), ("input_reply", "stdin")]
)
def test_what_is_no_cell_is_not(form: Any, kind: str, channel: str) -> None:
    assert request_in(*form(message(kind, channel, value="execute_request"))) is None


def call(method: str = "POST", kind: str = "call") -> dict[str, Any]:
    return {"method": "custom", "content": {"type": kind, "method": method, "path": "threads/t/resume"}}


@FORMS
def test_a_click_in_a_widget_is_recognised(form: Any) -> None:
    assert request_in(*form(message("comm_msg", data=call()))) == ExecuteRequest("m1", "", False, click=True)


@FORMS
@pytest.mark.parametrize(
    "data",
    [
        call("GET"),
        call(kind="follow"),
        {"method": "update", "state": {"value": 3}},
        {"content": "call POST"},
        [],
        "call",
    ],
)
def test_another_message_of_a_widget_is_no_click(form: Any, data: Any) -> None:
    assert request_in(*form(message("comm_msg", data=data))) is None


@pytest.mark.parametrize(
    ("raw", "protocol"),
    [
        (b"", V1),
        (b"\xff" * 8, V1),
        (b"\x06" + b"\0" * 7 + b"\xff" * 48, V1),
        ('{"header": "execute_request"}', None),
        ("execute_request", None),
        (b"\0\0\0\x02\0\0\0\x01", None),
        ('{"channel": "shell", "header": {"msg_id": 5, "msg_type": "execute_request"}}', None),
    ],
)
def test_what_cannot_be_read_is_none(raw: str | bytes, protocol: str | None) -> None:
    assert request_in(raw, protocol) is None


def frames(kind: str, parent: str) -> list[bytes]:
    session = Session()
    header = {"header": {"msg_id": parent, "msg_type": "execute_request"}, "msg_id": parent}
    return [b"identity", *session.serialize(session.msg(kind, {"status": "ok"}, parent=header))]


@pytest.mark.parametrize(("channel", "expected"), [("shell", "m1"), ("iopub", None), ("control", None)])
def test_a_reply_counts_on_the_shell_channel_only(channel: str, expected: str | None) -> None:
    connection = SimpleNamespace(session=Session())
    stream = SimpleNamespace(channel=channel)

    assert answered_in(connection, stream, frames("execute_reply", "m1")) == expected
    assert answered_in(connection, channel, frames("execute_reply", "m1")) == expected


@pytest.mark.parametrize(("channel", "expected"), [("shell", "m1"), ("iopub", None)])
def test_a_reply_through_a_jupyter_gateway_is_recognised(channel: str, expected: str | None) -> None:
    told = message("execute_reply", channel)
    told["parent_header"] = {"msg_id": "m1", "msg_type": "execute_request"}

    assert answered_in(None, json.dumps(told), None) == expected


class Configured(BaseKernelWebsocketConnection):
    """A connection class of somebody's own."""

    kernel_id = "k1"

    def __init__(self, user: str, seen: list[Any]) -> None:
        super().__init__()
        self.session.session = "page"
        self.websocket_handler_ = SimpleNamespace(current_user=user, selected_subprotocol=None)
        self.seen = seen

    multi_kernel_manager = SimpleNamespace(allowed_message_types=[])
    websocket_handler = property(lambda self: self.websocket_handler_)

    def connect(self) -> Any:
        self.seen.append("connect")

    def disconnect(self) -> Any:
        self.seen.append("disconnect")

    def handle_incoming_message(self, incoming_msg: str) -> None:
        self.seen.append(incoming_msg)

    def handle_outgoing_message(self, stream: Any, outgoing_msg: Any = None) -> None:
        self.seen.append((stream, outgoing_msg))


def test_any_connection_class_is_passed_all_and_the_cells_know() -> None:
    cells, seen = Cells(), list[Any]()
    made: Any = noting(Configured, {"k1": cells}.get, lambda user: f"person {user}")
    page = made("ada", seen)
    told, reply = json.dumps(message()), frames("execute_reply", "m1")

    page.connect()
    page.handle_incoming_message(told)
    assert cells.attendance("person ada") == Attendance(works=True, decides=True)
    page.disconnect()
    assert cells.attendance("person ada") == Attendance(works=True, decides=False)
    page.handle_outgoing_message("shell", reply)

    assert cells.attendance("person ada") == Attendance()
    assert seen == ["connect", told, "disconnect", ("shell", reply)]


def test_a_connection_that_may_send_no_cells_notes_none() -> None:
    cells = Cells()
    made: Any = noting(Configured, {"k1": cells}.get, str)
    made.multi_kernel_manager = SimpleNamespace(allowed_message_types=["kernel_info_request"])
    page = made("ada", [])

    page.connect()
    page.handle_incoming_message(json.dumps(message()))

    assert cells.attendance("ada") == Attendance()
