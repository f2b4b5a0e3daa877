"""Prices of answers, from the list that the installed genai-prices holds. No network is asked.

The address that answered names the provider. A service of the same protocol at another address has other prices, so
its answers have none, whatever their models are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genai_prices import Usage, calc_price

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import AbstractUsage
    from pydantic_ai.messages import ModelResponse
    from pydantic_ai.models import Model


def price_of(response: ModelResponse) -> Decimal | None:
    """Return the price of an answer in US dollars, or None if it is not known."""
    return _price(response.usage, response.model_name, response.provider_url)


def price_for(model: Model, input_tokens: int, output_tokens: int) -> Decimal | None:
    """Return the price of a request to a model in US dollars, or None if it is not known."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return _price(usage, model.model_name, model.base_url)


def _price(usage: AbstractUsage, model: str | None, url: str | None) -> Decimal | None:
    if not model or not url:
        return None
    try:
        return calc_price(usage, model, provider_api_url=url).total_price
    except (LookupError, ValueError):
        return None
