"""A guardrail that keeps personal data from the model, for LobuApp.model_guardrails.

    PYTHONPATH=examples/guardrails jupyter lab --LobuApp.model_guardrails=personal_data:guard

Mail addresses and phone numbers become labels. A number of a payment card, in either direction, ends the run.
"""

from __future__ import annotations

import re
from typing import Any

MAIL = re.compile(r"\b[\w.+-]+@[\w-]+(?:\.[\w-]+)+\b")
PHONE = re.compile(r"(?<![\w.-])\+\d[\d ()/-]{7,}\d\b")
CARD = re.compile(r"\b(?:\d[ -]?){13,19}\b")


def guard(text: str, about: Any) -> str | None:
    """Return the text for the model, None to leave it as it is. Raise to refuse it."""
    if any(_is_card(found[0]) for found in CARD.finditer(text)):
        raise ValueError(f"a {about.kind} holds the number of a payment card")
    return PHONE.sub("[phone]", MAIL.sub("[mail]", text))


def _is_card(text: str) -> bool:
    """Return whether the digits have a card's check digit (Luhn)."""
    digits = [int(digit) for digit in text if digit.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
