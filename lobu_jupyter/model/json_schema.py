"""JSON schemas as the arguments of tools have them (draft 2020-12).

jsonschema is imported without its grammar of IRIs, which takes 1.3 s to build, half the start of a worker. The grammar
serves a format, and formats are not checked here. In Jupyter's server jsonschema is imported before, as a whole.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jsonschema import ValidationError

_GRAMMAR = "rfc3987_syntax"

if _GRAMMAR in sys.modules:
    from jsonschema import Draft202012Validator
else:
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]  # its import fails, and jsonschema does without
    try:
        from jsonschema import Draft202012Validator
    finally:
        del sys.modules[_GRAMMAR]


def errors_of(schema: dict[str, Any], value: Any) -> Iterator[ValidationError]:
    """Yield the reasons why `value` does not fit `schema`."""
    yield from Draft202012Validator(schema).iter_errors(value)  # pyright: ignore[reportUnknownMemberType]
