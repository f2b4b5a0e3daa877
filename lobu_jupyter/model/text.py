"""Shortening of long texts, and repair of texts that no encoding can carry."""

from __future__ import annotations

from typing import Any, cast


def shorten(text: str, limit: int) -> str:
    """Return `text`, or its head and tail around a line that says how much was left out."""
    if len(text) <= limit:
        return text
    half = limit // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters left out …]\n{text[-half:]}"


def clip(text: str, most: int) -> str:
    """Return `text`, or its beginning and "…", of at most `most` characters."""
    return text if len(text) <= most else text[: most - 1] + "…"


def one_line(text: str, most: int) -> str:
    """Return `text` with single spaces in place of its line ends and other white space, clipped."""
    return clip(" ".join(text.split()), most)


def said_of(error: BaseException) -> str:
    """Return an error's class and message, of a group with those in it. A message that raises is left out."""
    try:
        said = str(error)
    except Exception as another:  # noqa: BLE001 - the class is another's, and may raise anything
        said = f"(its message cannot be shown: {type(another).__name__})"
    inner = (
        cast("tuple[BaseException, ...]", error.exceptions[:10])
        if isinstance(error, BaseExceptionGroup)
        else ()
    )
    return "; ".join([f"{type(error).__name__}: {said}", *map(said_of, inner)])


def encodable(value: Any) -> Any:
    """Return JSON data without lone surrogates in its texts and names, which no encoding can carry."""
    if isinstance(value, str):
        if value.isascii():
            return value
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return value
    if isinstance(value, dict):
        return {encodable(key): encodable(part) for key, part in cast("dict[Any, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [encodable(part) for part in cast("list[Any]", value)]
    return value
