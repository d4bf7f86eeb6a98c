"""Text in pictures: how names, formulas and numbers are spelled there, and how wide they come out in the shipped font."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from unicodedata import combining, normalize

from graphrun.ir.formula import number

__all__ = [
    "DIGITS",
    "FONT",
    "FONT_FOLDER",
    "clean",
    "clipped",
    "in_lines",
    "pretty",
    "pretty_name",
    "short_number",
    "text_width",
    "values_text",
]

FONT = "DejaVu Sans"
FONT_FOLDER = Path(__file__).parent / "fonts"
DIGITS = 4
BOLD = 1.12  # how much wider than the regular face the bold one is

_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_INDEXED = re.compile(r"(?<![\w.#@'])([^\W\d_])(\d+)(?![\w.@'(])")
_HAT = re.compile(r"(?<![\w.#@'])hat_([^\W\d_])(?![\w.@'(])")
_MINUS = re.compile(r"-(?!>)")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


def clean(text: str) -> str:
    """`text` on one line, without characters that XML refuses or that turn the direction of writing."""
    return _CONTROL.sub(" ", text)


def pretty_name(name: str) -> str:
    """A name as pictures write it: `w₁` for `w1`, `ŷ` for `hat_y`; others stay, and so does an array's element `x[-1]`."""
    return _INDEXED.sub(lambda m: m[1] + m[2].translate(_SUBSCRIPTS), _HAT.sub(_hatted, clean(name)))


def pretty(text: str) -> str:
    """A formula as pictures write it: names as :func:`pretty_name` does, and a true minus."""
    return _MINUS.sub("−", pretty_name(text))


def _hatted(m: re.Match[str]) -> str:
    one = normalize("NFC", m[1] + "\u0302")
    return one if len(one) == 1 else m[0]


def short_number(x: float) -> str:
    """A number for a picture: four digits that carry meaning, and a true minus."""
    return _MINUS.sub("−", number(x, DIGITS))


def values_text(value: Any) -> tuple[str, str]:
    """A value as (shape, what it holds): a number has no shape, an array is given by its norm, a pair by its entries."""
    shape = tuple(getattr(value, "shape", ()))
    if shape == ():
        item = value.item() if hasattr(value, "item") else value
        return "", short_number(item)
    text = "[" + "×".join(str(d) for d in shape) + "]"
    flat = value.ravel()
    if len(shape) == 1 and shape[0] <= 2:
        return "", "[" + ", ".join(short_number(x.item()) for x in flat) + "]"
    if flat.dtype.kind not in "fiu":
        return text, ""
    norm = float((flat.astype("float64") ** 2).sum()) ** 0.5
    return text, f"|·| {short_number(float(f'{norm:.3g}'))}"


# -- the font's measures ------------------------------------------------------------------------------------------------


def text_width(text: str, points: float, bold: bool = False) -> float:
    """How wide `text` is in the shipped font at that size, in points."""
    widths, default = _advances()
    total = 0.0
    for c in text:
        if not combining(c):
            total += widths.get(ord(c), default)
    return total * points * (BOLD if bold else 1.0)


@lru_cache(maxsize=1)
def _advances() -> tuple[Mapping[int, float], float]:
    """The advance of each character as a part of the size, from the font's `cmap` and `hmtx` tables, and that of a missing one."""
    data = (FONT_FOLDER / "DejaVuSans.ttf").read_bytes()
    tables = {}
    for k in range(struct.unpack_from(">H", data, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sIII", data, 12 + 16 * k)
        tables[tag] = offset

    def whole(at: int) -> int:
        return int.from_bytes(data[at : at + 2])

    em, metrics = whole(tables[b"head"] + 18), whole(tables[b"hhea"] + 34)

    def advance(glyph: int) -> float:
        return whole(tables[b"hmtx"] + 4 * min(glyph, metrics - 1)) / em

    return {c: advance(glyph) for c, glyph in _characters(data, tables[b"cmap"]).items()}, 1.0


def _characters(data: bytes, cmap: int) -> dict[int, int]:
    """Character → glyph, from the table of format 12."""
    for k in range(struct.unpack_from(">H", data, cmap + 2)[0]):
        offset = cmap + struct.unpack_from(">I", data, cmap + 8 + 8 * k)[0]
        if struct.unpack_from(">H", data, offset)[0] == 12:
            out = {}
            for group in range(struct.unpack_from(">I", data, offset + 12)[0]):
                first, last, glyph = struct.unpack_from(">III", data, offset + 16 + 12 * group)
                out.update({c: glyph + c - first for c in range(first, last + 1)})
            return out
    raise AssertionError("the shipped font has a table of format 12")


def clipped(text: str, points: float, width: float, bold: bool = False) -> str:
    """`text`, cut with `…` where it is wider than `width` points."""
    if text_width(text, points, bold) <= width:
        return text
    kept: list[str] = []
    used = text_width("…", points, bold)
    for c in text:
        used += text_width(c, points, bold)
        if used > width:
            break
        kept.append(c)
    return "".join(kept).rstrip() + "…"


A_LITTLE = 1.25
"""So much wider than wanted a line may be before it is broken after a comma."""

MUCH_SAVED = 0.8
"""A second line is made where it leaves the longer of the two this short, relative to one."""


def in_lines(text: str, points: float, wanted: float, most: float) -> tuple[str, ...]:
    """A formula on one line where it fits in `wanted` points, else broken in two, best before a sign outside of brackets; no line is
    longer than `most`. Where a second line would save little, the formula stays on one."""
    whole = text_width(text, points)
    if whole <= wanted:
        return (text,)
    for kind, breaks in _breaks(text).items():
        if whole <= (A_LITTLE * wanted if kind == "comma" else most) and kind in ("comma", "inner", "bracket"):
            continue
        at = min(breaks, key=lambda k: max(text_width(text[:k].rstrip(), points), text_width(text[k:], points)))
        widest = max(text_width(text[:at].rstrip(), points), text_width(text[at:], points))
        if widest <= most and (whole > most or widest <= MUCH_SAVED * whole):
            return text[:at].rstrip(), text[at:]
    return (text,) if whole <= most else _filled(text, points, most)


def _filled(text: str, points: float, most: float) -> tuple[str, ...]:
    """A formula that two lines do not hold: each of three as full as it goes, the last one clipped."""
    breaks = sorted(k for kind in _breaks(text).values() for k in kind)
    out: list[str] = []
    start = 0
    while len(out) < 2:
        fitting = [k for k in breaks if k > start and text_width(text[start:k].rstrip(), points) <= most]
        if not fitting or text_width(text[start:], points) <= most:
            break
        out.append(text[start : fitting[-1]].rstrip())
        start = fitting[-1]
    return *out, clipped(text[start:], points, most)


def _breaks(text: str) -> dict[str, list[int]]:
    """Where a line may end, best first: before a plus or minus outside of brackets, before a product's sign or an arrow, after a comma,
    before a plus or minus within brackets, after a bracket that opens."""
    found: dict[str, list[int]] = {"sum": [], "product": [], "comma": [], "inner": [], "bracket": []}
    depth = 0
    for k, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        around = text[k - 1 : k] == " " and text[k + 1 : k + 2] == " "
        if depth == 0 and around and c in "+−":
            found["sum"].append(k)
        elif depth == 0 and ((around and c in "·⊙⊗/@") or text[k : k + 3] == "-> "):
            found["product"].append(k)
        elif around and c in "+−":
            found["inner"].append(k)
        elif c == "," and text[k + 1 : k + 2] == " ":
            found["comma"].append(k + 2)
        elif c == "(" and text[k - 1 : k].isalnum():
            found["bracket"].append(k + 1)
    return {kind: places for kind, places in found.items() if places}
