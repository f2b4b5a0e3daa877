"""A record of the answers of one run: the model that gave them, and their price."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_ai.capabilities import AbstractCapability

from lobu_jupyter.agents.models.prices import price_of

if TYPE_CHECKING:
    from pydantic_ai import RunContext
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import ModelRequestContext


@dataclass
class Answers(AbstractCapability[None]):
    """``model``: the name that the provider gave with its last answer. ``price``: None once one is not known."""

    model: str | None = None
    price: Decimal | None = Decimal(0)

    async def after_model_request(
        self, ctx: RunContext[Any], *, request_context: ModelRequestContext, response: ModelResponse
    ) -> ModelResponse:
        self.model = response.model_name or self.model
        price = price_of(response)
        self.price = None if self.price is None or price is None else self.price + price
        return response
