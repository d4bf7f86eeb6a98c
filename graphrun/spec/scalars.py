"""What a plain scalar is: YAML 1.2's core schema.

`true` and `false` (also `True`, `TRUE`, …) are booleans, `null`, `~` and nothing at all are none, decimal whole numbers (`017` is
seventeen), `0o17`, `0x1F`, decimal fractions, `.inf` and `.nan` are numbers; everything else (`yes`, `1:30`, `1_000`) is text.
"""

from __future__ import annotations

import math
import re

__all__ = ["MalformedNumberError", "is_number", "is_plain", "resolve"]

_NUMBER = re.compile(r"[-+]?(?:(?P<int>[0-9]+)|(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)", re.ASCII)
_BASED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **{sign + word: float(sign + "inf") for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")},
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}
_FIRST = frozenset("0123456789+-.")


class MalformedNumberError(ValueError):
    """A number outside what a 64-bit float can tell; the message says why."""


def resolve(text: str) -> str | int | float | bool | None:
    """The value of a plain scalar. Raises MalformedNumberError."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _FIRST:
        return text
    found = _NUMBER.fullmatch(text)
    if found is None:
        return int(text, 0) if _BASED.fullmatch(text) else text
    if found.lastgroup is not None and len(text) < 300:
        return int(text)
    value = float(text)
    if math.isinf(value):
        raise MalformedNumberError("is too large: the largest is about 1.8e308")
    if value == 0.0 and re.search("[1-9]", re.split("[eE]", text)[0]):
        raise MalformedNumberError("is too small to tell from 0")
    return int(text) if found.lastgroup is not None else value


def is_number(text: str) -> bool:
    """Whether a plain scalar that begins like a number is one, within what a float can tell or not."""
    return _NUMBER.fullmatch(text) is not None or _BASED.fullmatch(text) is not None


_INDICATORS = frozenset("[]{},#&*!|>'\"%@`")


def is_plain(text: str, *, flow: bool) -> bool:
    """Whether `text` may be written without quotes and is read back as this text."""
    if not text or text != text.strip() or text in _WORDS or not text.isprintable():
        return False
    if text[0] in _INDICATORS or text.startswith(("- ", "? ", ": ", "---", "...", "<<")) or text in {"-", "?", ":", "="}:
        return False
    if text.count("(") != text.count(")") or text.count("[") != text.count("]"):
        return False
    if ": " in text or " #" in text or text.endswith(":") or (flow and any(c in "[]{},?:" for c in text)):
        return False
    return not (text[0] in _FIRST and is_number(text))
