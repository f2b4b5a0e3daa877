"""The settings of a model that a person chooses for one run."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

MAX_TOKENS = 1_000_000

Effort = Literal["minimal", "low", "medium", "high"]


class ModelSettings(
    Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True, omit_defaults=True
):
    """``effort``: how long it thinks. ``max_tokens``: the most that it writes in one answer."""

    effort: Effort | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=MAX_TOKENS)] | None = None
