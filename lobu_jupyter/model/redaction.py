"""Redaction: removal of secrets from text that is journaled or sent to a model.

Secrets are those of the server, which are known, and text in the form of one: the user and password in an
address (``https://user:password@host``), and the value of a Basic or Bearer header.

Redaction guards against accident (a cell that prints its environment, a config file that is read), not
against code that hides what it prints: an encoded secret is not recognised.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

REDACTED = "[redacted]"
MIN_CHARS = 8  # a shorter text is no real secret, and would blot out ordinary words
MAX_CONTEXT = 48  # characters: the name of a header, the separator, and "Bearer"
MAX_HELD = 4096  # characters of a header's value or an address that a stream waits for

# Neither quotes nor backslashes belong to a value, so that the same patterns read a text and its JSON.
_USER = r"""[^\s/?#@:"'\\<>{}]*"""
_PASSWORD = r"""(?!\$[A-Z_]+@|%s@|\*+@|\[redacted\]@)[^\s/?#"'\\<>{}]+"""
_URL = re.compile(rf"//(?:{_USER}:{_PASSWORD}|(?=[^\s/@]*\d)[\w.~-]{{20,}})@")
_NAMED = r"""(?P<named>authorization[\\"'\s:=,b(\[]{1,12})?"""
_BEGIN = r"(?:(?<![A-Za-z])|(?<=\\[nrt]))"
_TOKEN = r"[A-Za-z0-9._~+/=-]"
_HEADER = re.compile(
    rf"{_NAMED}{_BEGIN}(?P<scheme>basic|bearer|token|apikey)(?P<gap> +)(?P<value>{_TOKEN}{{4,}})",
    re.IGNORECASE,
)
_URL_BEGUN = re.compile(r"""(?<=//)[^\s/?#"'\\<>{}]+\Z""")
_VALUE_BEGUN = re.compile(
    rf"""(?:authorization[\\"'\s:=,b(\[]{{1,12}}[a-z]{{5,6}}|basic|bearer) +({_TOKEN}+)\Z""", re.IGNORECASE
)
_PLAIN = re.compile(r"[ !#-\[\]-~]*")  # text that JSON writes in one way only
_WORDS = ("authorization", "basic", "bearer")
_BEGINNINGS = (
    "/",
    *{
        way(word[:n])
        for word in _WORDS
        for n in range(1, len(word) + 1)
        for way in (str, str.title, str.upper)
    },
)
_MARKS = (b"asic ", b"earer ", b"uthoriz", b"ASIC ", b"EARER ", b"UTHORIZ")

T = TypeVar("T")


class Redactor:
    """A redactor that knows the secrets and may learn more while it is in use."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._pairs: list[tuple[str, bytes]] = []  # a secret as written, and the same in UTF-8
        self._secrets: set[str] = set()
        self._heads: list[tuple[str, str]] = []  # the first characters of each, and the secret
        self._short: tuple[str, ...] = ()  # beginnings of secrets, up to three characters
        self._marks: tuple[bytes, ...] = ()  # one is in any JSON that holds a secret, see clear()
        self._ends: dict[str, tuple[str, ...]] = {}  # ends that may continue as a secret, by last character
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Learn secrets. Those that are too short or known are skipped."""
        self._secrets |= {secret for secret in secrets if len(secret) >= MIN_CHARS}
        self._prepare()

    def forget(self, secret: str) -> None:
        """Forget a secret that is no longer in use."""
        self._secrets.discard(secret)
        self._prepare()

    def _prepare(self) -> None:
        forms = {form for secret in self._secrets for form in _forms(secret)}
        # A secret within another comes later.
        self._pairs = [(f, f.encode("utf-8", "surrogatepass")) for f in sorted(forms, key=len, reverse=True)]
        self._heads = [(form[:4], form) for form, _ in self._pairs]
        self._short = tuple({form[:n] for form in forms for n in (1, 2, 3)})
        ends = {*self._short, *_BEGINNINGS}
        self._ends = {end[-1]: tuple(e for e in ends if e[-1] == end[-1]) for end in ends}
        heads = {_PLAIN.match(form[:4]).group().encode() for form in forms}  # pyright: ignore[reportOptionalMemberAccess]
        self._marks = (*heads, *_MARKS)

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        for secret, _ in self._pairs:
            if secret in text:
                text = text.replace(secret, REDACTED)
        if (
            ("//" in text and "@" in text)
            or "asic " in text
            or "earer " in text
            or "uthoriz" in text
            or "ASIC " in text
            or "EARER " in text
            or "UTHORIZ" in text
        ):
            return _HEADER.sub(_without_value, _URL.sub(f"//{REDACTED}@", text))
        return text

    def raw(self, body: bytes) -> bytes:
        """Return JSON or other UTF-8 bytes without secrets, or the same object if there are none."""
        for _, secret in self._pairs:
            if secret in body:
                body = body.replace(secret, REDACTED.encode())
        if (
            (b"//" in body and b"@" in body)
            or b"asic " in body
            or b"earer " in body
            or b"uthoriz" in body
            or b"ASIC " in body
            or b"EARER " in body
            or b"UTHORIZ" in body
        ):
            text = body.decode("utf-8", "surrogateescape")
            clean = _HEADER.sub(_without_value, _URL.sub(f"//{REDACTED}@", text))
            return body if clean == text else clean.encode("utf-8", "surrogateescape")
        return body

    def clear(self, body: bytes) -> bool:
        """Return True if nothing in `body` is, or begins to be, a secret, except at its texts' ends."""
        if b"/" in body and b"//" in body:  # one character is found ten times as fast as two
            return False
        for mark in self._marks:  # noqa: SIM110 (any() costs twice as much here)
            if mark in body:
                return False
        return True

    def may_go_on(self, text: str) -> bool:
        """Return whether the end of a clear `text` may be the beginning of a secret."""
        ends = self._ends.get(text[-1:])
        return ends is not None and text.endswith(ends)

    def split(self, text: str, before: str = "") -> tuple[str, str]:
        """Split an unfinished text into a redacted part to emit now and a possible beginning of a secret.

        Args:
            text: The text held back before, with the new text.
            before: The end of the text already emitted. MAX_CONTEXT characters are enough.
        """
        begin = self._begins(text, before)
        for secret, _ in self._pairs:  # a whole secret is no beginning, unless of a longer one
            at = text.find(secret) if begin < len(text) else -1
            while at >= 0:
                if at < begin < at + len(secret):
                    rest = text[at + len(secret) :]
                    begin = len(text) - len(rest) + self._begins(rest, before + text[: -len(rest)])
                at = text.find(secret, at + 1)
        return self.continued(before, text[:begin]), text[begin:]

    def continued(self, before: str, text: str) -> str:
        """Return `text` without secrets, also those whose name or beginning is in `before`, its emitted context."""
        if not before:
            return self.text(text)
        # The context is cut, so that it may itself read as a secret that it is not in the whole text.
        context, whole = self.text(before), self.text(before + text)
        same = next((n for n, (a, b) in enumerate(zip(context, whole, strict=False)) if a != b), len(context))
        return whole[same:]

    def _begins(self, text: str, before: str) -> int:
        """Return the index from which the end of `text` may begin a secret, or the length of `text`."""
        begin = self._known_begins(text) if self._pairs else len(text)
        whole = before[-MAX_CONTEXT:] + text[-MAX_HELD - MAX_CONTEXT :]
        if "//" in whole and (found := _URL_BEGUN.search(whole, whole.rindex("//"))):
            begin = min(begin, max(0, len(text) - len(whole) + found.start()))
        if " " in whole and names_a_header(whole) and (found := _VALUE_BEGUN.search(whole)):
            begin = min(begin, max(0, len(text) - len(whole) + found.start(1)))
        return begin if len(text) - begin <= self._most() else len(text)

    def _known_begins(self, text: str) -> int:
        begin = len(text)
        for head, secret in self._heads if begin > 3 else ():
            at = text.find(head, max(0, len(text) - len(secret) + 1))
            while 0 <= at < begin and not secret.startswith(text[at:]):
                at = text.find(head, at + 1)
            if 0 <= at < begin:
                begin = at
        if begin == len(text) and text.endswith(self._short):
            for n in (3, 2, 1):
                if text[-n:] in self._short:
                    return max(0, begin - n)
        return begin

    def _most(self) -> int:
        return max(MAX_HELD, len(self._pairs[0][0]) if self._pairs else 0)

    def tree(self, value: T) -> T:
        """Return JSON data, however deep, without secrets in its texts and names."""
        return cast("T", self._tree(value))

    def _tree(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(k)): self._tree(v) for k, v in cast("dict[str, object]", value).items()}
        if isinstance(value, list | tuple):
            return [self._tree(part) for part in cast("list[object]", value)]
        return value


def names_a_header(text: str) -> bool:
    """Return whether `text` names a header of credentials, or its scheme. Most texts do not."""
    low = text.lower()
    return "basic" in low or "bearer" in low or "authorization" in low


def _forms(secret: str) -> set[str]:
    """Return the forms of a secret: as it is, and in JSON with and without escapes for non-ASCII."""
    return {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}


def _without_value(found: re.Match[str]) -> str:
    value = found["value"]
    if not found["named"] and not _is_credential(found["scheme"].lower(), value):
        return found[0]
    return f"{found['named'] or ''}{found['scheme']}{found['gap']}{REDACTED}"


def _is_credential(scheme: str, value: str) -> bool:
    """Return whether a value without a header's name is a credential: "basic understanding" is none."""
    if scheme == "basic":
        value = value.rstrip(".")
        try:
            return b":" in base64.b64decode(value + "=" * (-len(value) % 4), validate=True)
        except (binascii.Error, ValueError):
            return False
    return scheme == "bearer" and len(value) >= 16 and any(c.isdigit() for c in value)
