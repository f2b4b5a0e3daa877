"""The answers that an outside agent offers with a question: each is a button by its own name and kind.

An option is ``{"id", "name", "kind", "plain"?: true}``. The kind is ACP's: ``allow_once``, ``allow_always``,
``reject_once`` or ``reject_always``. A decision without an option uses the ``plain`` one, which lets just
this call run. If no yes is plain, an approval has to name its option. A plain no needs none.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from .errors import InvalidField

Option = dict[str, Any]


class Offered(Struct, kw_only=True):
    """The checked members of an option."""

    id: Annotated[str, Meta(min_length=1, max_length=1000)]
    name: Annotated[str, Meta(min_length=1, max_length=10_000)]
    kind: Literal["allow_once", "allow_always", "reject_once", "reject_always"]
    plain: bool = False


def option_of(options: list[Option], *, yes: bool, named: str | None, grant: bool, where: str) -> str | None:
    """Return the id of the option for a yes or no, or None for a no that needs none.

    Raises:
        InvalidField: no such option is offered for this, or the approval has to name one.
    """
    word = "allow" if yes else "reject"
    fitting = [option for option in options if str(option["kind"]).startswith(f"{word}_")]
    if named is None:
        plain = next((option for option in fitting if option.get("plain")), None)
        if plain is None and yes and options:
            raise InvalidField(
                f"must name the option of this approval: {_listed(fitting)}", field=f"{where}.option"
            )
        return plain["id"] if plain is not None else None
    found = next((option for option in fitting if option["id"] == named), None)
    if found is None:
        raise InvalidField(f"must be one of {_listed(fitting)}", field=f"{where}.option")
    if grant and not found.get("plain"):
        raise InvalidField("must be left out with this option", field=f"{where}.grant")
    return named


def _listed(options: list[Option]) -> str:
    return ", ".join(f"{option['id']!r} ({option['name']})" for option in options) or "none"
