"""Long texts, cut for whoever reads them."""

from __future__ import annotations


def shorten(text: str, limit: int) -> str:
    """`text`, or its head and tail around a line that says how much was left out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"
