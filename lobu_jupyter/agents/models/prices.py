"""Prices of answers, from the list that the installed genai-prices holds. No network is asked.

The address that answered names the provider. A service of the same protocol at another address has other prices, so
its answers have none, whatever their models are called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from genai_prices import calc_price

if TYPE_CHECKING:
    from decimal import Decimal

    from pydantic_ai.messages import ModelResponse


def price_of(response: ModelResponse) -> Decimal | None:
    """Return the price of an answer in US dollars, or None if it is not known."""
    if not response.model_name or not response.provider_url:
        return None
    try:
        found = calc_price(response.usage, response.model_name, provider_api_url=response.provider_url)
    except (LookupError, ValueError):
        return None
    return found.total_price
