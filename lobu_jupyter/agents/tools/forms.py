"""Forms: an elicitation as questions of ``ask_user``, and the person's answers in the form that asked."""

from __future__ import annotations

from typing import Any

YES, NO = "yes", "no"
LEAVE_OUT = "-"


class Unfit(Exception):
    """An answer that the agent's form does not accept. The message names the field and the reason."""


def questions_of(message: str, schema: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one question per property of the form."""
    fields: dict[str, Any] = schema.get("properties") or {}
    required: list[str] = schema.get("required") or []
    many = len(fields) > 1
    return [
        _question(name, field, message, many=many, needed=name in required) for name, field in fields.items()
    ]


def _question(name: str, field: dict[str, Any], message: str, *, many: bool, needed: bool) -> dict[str, Any]:
    words = str(field.get("title") or field.get("description") or name)
    text = f"{message}\n{words}" if many or not message else message
    options = [title for _, title in _choices(field)]
    kind = field.get("type")
    if kind in ("integer", "number"):
        text += " (a whole number)" if kind == "integer" else " (a number)"
    if not needed:
        text += f" ({LEAVE_OUT} leaves it out)"
        options += [LEAVE_OUT] if options else []
    return {
        "id": name,
        "question": text,
        "options": options,
        "multiple": kind == "array",
        "freeText": not options,
    }


def _choices(field: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the values with their labels."""
    if field.get("type") == "boolean":
        return [(YES, YES), (NO, NO)]
    source: dict[str, Any] = field.get("items") or field
    titled = source.get("oneOf") or source.get("anyOf")
    if titled:
        return [(str(one["const"]), str(one.get("title") or one["const"])) for one in titled]
    return [(str(value), str(value)) for value in source.get("enum") or ()]


def filled(schema: dict[str, Any], answers: dict[str, Any]) -> dict[str, Any]:
    """Return the filled-in form.

    Raises:
        Unfit: an answer is not of its field's type.
    """
    fields: dict[str, Any] = schema.get("properties") or {}
    values = {name: _value(name, field, answers[name]) for name, field in fields.items() if name in answers}
    return {name: value for name, value in values.items() if value is not None}


def _value(name: str, field: dict[str, Any], answer: Any) -> Any:
    values = {title: value for value, title in _choices(field)}
    kind = field.get("type")
    if isinstance(answer, list):
        chosen = [values.get(str(one), str(one)) for one in answer if one != LEAVE_OUT]
        return chosen or None
    if answer == LEAVE_OUT and LEAVE_OUT not in values:
        return None
    if kind == "boolean":
        return answer == YES
    try:
        if kind == "integer":
            return int(answer)
        return float(answer) if kind == "number" else values.get(str(answer), str(answer))
    except ValueError as error:
        raise Unfit(f"{name} is a number, not {answer!r}") from error
