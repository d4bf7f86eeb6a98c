"""Cuts a formula into tokens, and refuses at once what no formula may hold.

The lexer knows the words and signs of the language and nothing of their order (that is :mod:`graphrun.expr.check`).
`h.0.weight` is one token, a name; so is `.T`; `**` is `^` under another spelling.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from keyword import kwlist
from typing import NoReturn

__all__ = ["LITERALS", "FormulaError", "Tokens", "mended", "number", "tokenize"]

LITERALS = frozenset({"true", "false", "none"})
_WORDS = LITERALS | {"and", "or", "not", "if", "else"}
_MENDED_LIMIT = 72  # a longer formula is not repeated in a help


class FormulaError(Exception):
    """A formula is wrong. `start` and `end` are offsets into the text that was given, the end exclusive."""

    def __init__(
        self, message: str, start: int, end: int, *, code: str = "formula-syntax", help: str | None = None, notes: Sequence[str] = ()
    ) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = end
        self.code = code
        self.help = help
        self.notes = tuple(notes)


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a text, side by side.

    A kind is "name", "number" or "string"; for signs and words it is the sign or word itself (`^` for `**`).
    """

    text: str
    kinds: list[str]
    starts: list[int]
    ends: list[int]

    def source(self, k: int) -> str:
        """Token k as it was written."""
        return self.text[self.starts[k] : self.ends[k]]

    def shown(self, first: int, last: int | None = None) -> str:
        """Token `first`, or tokens `first` to `last`, in back quotes, cut when long."""
        text = " ".join(self.text[self.starts[first] : self.ends[first if last is None else last]].split())
        return f"`{text}`" if len(text) <= 40 else f"`{text[:39]}…`"

    def fail(
        self,
        message: str,
        first: int,
        last: int | None = None,
        *,
        code: str = "formula-syntax",
        help: str | None = None,
        note: str | None = None,
    ) -> NoReturn:
        """Raises FormulaError at token `first`, or tokens `first` to `last`."""
        end = self.ends[first if last is None else last]
        raise FormulaError(message, self.starts[first], end, code=code, help=help, notes=() if note is None else (note,))


_TOKEN = re.compile(
    r"""(?P<space>[ \t\r\n]+)
    | (?P<dots>\.\.\.)
    | (?P<number>(?:\d|\.\d)(?:[eE][+-](?=\d)|[\w.])*)
    | (?P<word>[A-Za-z_]\w*(?:\.(?!T\b)\w+)*)
    | (?P<transpose>\.T\b)
    | (?P<string>'[^'\\\r\n]*'|"[^"\\\r\n]*")
    | (?P<refused>===|!==|\*\*=|//=|=>|=<|<>|<<|>>|//|:=|&&|\|\||\|>|[-+*/@^%&|]=|[%&|~;{}`$?\#\\]|!(?!=))
    | (?P<sign>->|\*\*|<=|>=|==|!=|[-+*/@^<>()\[\],:=])
    """,
    re.ASCII | re.VERBOSE,
)
_NUMBER = re.compile(r"(?:\d+(?:_\d+)*(?:\.(?:\d+(?:_\d+)*)?)?|\.\d+(?:_\d+)*)(?:[eE][+-]?\d+(?:_\d+)*)?", re.ASCII)
_NAME = re.compile(r"[A-Za-z_]\w*(?:\.(?:[A-Za-z_]\w*|\d+))*", re.ASCII)

# Sign → what replaces it where that mends the formula, and a help.
_REFUSED_SIGNS: dict[str, tuple[str | None, str]] = {
    "===": ("==", "equality is `==`"),
    "!==": ("!=", "inequality is `!=`"),
    "=>": ("->", "`->` passes a value on, `>=` compares"),
    "=<": ("<=", "`<=` compares"),
    "<>": ("!=", "inequality is `!=`"),
    ">>": ("->", "a value is passed on with `->`"),
    "<<": (None, "multiply by a power of two: `a * 2^b`"),
    "//": (None, "write `floor(a / b)`"),
    "%": (None, "write `mod(a, b)`"),
    ":=": (None, "give the value a line of its own under `nodes`"),
    "&&": ("and", "a choice has `and`, values have `logical_and(a, b)`"),
    "||": ("or", "a choice has `or`, values have `logical_or(a, b)`"),
    "&": (None, "a choice has `and`, values have `logical_and(a, b)`"),
    "|": (None, "a choice has `or`, values have `logical_or(a, b)`"),
    "|>": ("->", "a value is passed on with `->`"),
    "~": (None, "a choice has `not`, values have `logical_not(a)`"),
    "!": (None, "a choice has `not`, values have `logical_not(a)`"),
    ";": (None, "one formula gives one value: give the other a line of its own"),
    "{": (None, "a list is written `[a, b]`, arguments stand in `(` `)`"),
    "}": (None, "a list is written `[a, b]`, arguments stand in `(` `)`"),
    "`": (None, "names are written without quotes"),
    "$": (None, "names are written as they are, configuration included: `width`"),
    "\\": (None, "leave it out"),
    "?": (None, "a choice is written `a if c else b`"),
    "#": (None, "steps such as `J#1` may stand in `expect`, `--of` and `--wrt`, not in formulas"),
}

_REFUSED_WORDS = {
    "True": "true",
    "False": "false",
    "None": "none",
    "lambda": "a function has a line of its own under `functions`: `f(x): x^2`",
    "is": "equality is `==`",
    "in": "a formula has no loops and no membership: `repeat` and `scan` are the loops",
    "for": "a formula has no loops: `repeat` makes copies, `scan` is a recurrence, operations work on whole arrays",
    "while": "a formula has no loops: `repeat` makes copies, `scan` is a recurrence",
    "elif": "a choice is written `a if c else b`; b may be another choice",
}

_LOOKALIKES = {
    **dict.fromkeys("−–—", "-"),
    **dict.fromkeys("×·⋅∗", "*"),
    **dict.fromkeys("÷∕", "/"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("‘’", "'"),
    **dict.fromkeys("\u00a0\u202f\u2009", " "),
    **dict(zip("≤≥≠→⇒²³⁴½¼…（），", ("<=", ">=", "!=", "->", "->", "^2", "^3", "^4", "1/2", "1/4", "...", "(", ")", ","), strict=True)),
    **dict(zip("аеорсухАВЕКМНОРСТХ", "aeopcyxABEKMHOPCTX", strict=True)),
}


def tokenize(text: str) -> Tokens:
    """Cuts `text` into tokens.

    Raises FormulaError at the first character, number or word that no formula may hold.
    """
    kinds: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    at, size = 0, len(text)
    match = _TOKEN.match
    while at < size:
        found = match(text, at)
        if found is None:
            _stray(text, at)
        end = found.end()
        kind = found.lastgroup
        if kind == "space":
            at = end
            continue
        if kind == "sign":
            kind = text[at:end]
            if kind == "**":
                kind = "^"
        elif kind == "word":
            kind = _word(text, at, end)
        elif kind == "number":
            number(text, at, end)
        elif kind == "refused":
            _refuse_sign(text, at, end)
        elif kind == "string":
            if ends and ends[-1] == at and kinds[-1] == "name":
                raise FormulaError(f"a string has no prefix: `{text[starts[-1] : end]}`", starts[-1], end, help=f"write `{text[at:end]}`")
        else:
            kind = "..." if kind == "dots" else ".T"
        kinds.append(kind)
        starts.append(at)
        ends.append(end)
        at = end
    return Tokens(text, kinds, starts, ends)


def number(text: str, start: int, end: int) -> int | float:
    """The number that stands at `start` to `end`: an int where it is written whole."""
    raw = text[start:end]
    if _NUMBER.fullmatch(raw) is None:
        _bad_number(text, start, end)
    whole = raw.replace("_", "")
    try:
        value = int(whole) if whole.isdigit() and len(whole) < 400 else float(whole)
        as_float = float(value)
    except OverflowError:
        as_float = math.inf
    if math.isinf(as_float):
        shown = raw if len(raw) <= 20 else f"{raw[:8]}…{raw[-4:]}"
        raise FormulaError(
            f"the number `{shown}` is too large: the largest is about 1.8e308",
            start,
            end,
            code="malformed-number",
            help="infinity is written `inf`",
        )
    if as_float == 0.0 and re.search("[1-9]", re.split("[eE]", whole)[0]):
        raise FormulaError(f"the number `{raw}` is too small to tell from 0", start, end, code="malformed-number", help="write `0`")
    return value


def mended(text: str, start: int, end: int, replacement: str) -> str | None:
    """`text` in back quotes with `start` to `end` replaced, or None where that is too long to show."""
    out = (text[:start] + replacement + text[end:]).strip()
    return f"`{out}`" if len(out) <= _MENDED_LIMIT and "\n" not in out else None


def _word(text: str, start: int, end: int) -> str:
    word = text[start:end]
    if word in _WORDS:
        return word
    first, _, rest = word.partition(".")
    if word in _REFUSED_WORDS:
        mend = _REFUSED_WORDS[word]
        if mend in LITERALS:
            mend = f"write {mended(text, start, end, mend) or f'`{mend}`'}"
        raise FormulaError(f"`{word}` is not part of the language", start, end, help=mend)
    if first in kwlist or first in LITERALS:
        mend = "leave `def` out" if text[start:].startswith("def ") else "give what is meant another name"
        raise FormulaError(f"`{first}` is reserved and cannot be a name", start, start + len(first), help=mend)
    if rest and _NAME.fullmatch(word) is None:
        raise FormulaError(
            f"`{word}` is not a name", start, end, help="between the dots of a name stand names and whole numbers: `h.0.weight`"
        )
    return "name"


def _refuse_sign(text: str, start: int, end: int) -> NoReturn:
    sign = text[start:end]
    if sign.endswith("=") and sign not in _REFUSED_SIGNS:
        raise FormulaError(
            f"`{sign}` is not part of the language: a value never changes",
            start,
            end,
            code="unknown-operator",
            help="give the new value a name of its own under `nodes`",
        )
    replacement, mend = _REFUSED_SIGNS.get(sign, (None, "the operators are `+ - * / ^ @`, `< <= > >= == !=`, `and or not` and `->`"))
    line = mended(text.replace(sign, replacement), 0, 0, "") if replacement is not None else None
    bars = re.sub(r"\|([^|]+)\|", r"abs(\1)", text)
    if sign == "|" and "|" not in bars and re.search(r"(^|[-+*/^(,@=])\s*$", text[:start]):
        mend = f"write {mended(bars, 0, 0, '') or '`abs(…)`'}"
    elif sign == "|" and re.match(r"\s*[A-Za-z_]", text[end:]) and not re.search(r"[<>=]", text):
        line = mended(text.replace("|", "->"), 0, 0, "")
        mend = f"a value is passed on with `->`{': ' + line if line else ''}; a choice has `or`, values have `logical_or(a, b)`"
    elif line:
        mend = f"{mend}: {line}"
    shown = "the back quote" if sign == "`" else f"`{sign}`"
    code = "formula-syntax" if sign in ";{}`$?#\\" else "unknown-operator"
    raise FormulaError(f"{shown} is not part of the language", start, end, code=code, help=mend)


def _bad_number(text: str, start: int, end: int) -> NoReturn:
    raw = text[start:end]
    mend = "numbers are written `1`, `2.5`, `1e-3` or `1_000`"
    message = f"`{raw}` is not a number"
    joined = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z_]\w*)", raw, re.ASCII)
    if re.fullmatch(r"0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+", raw):
        message, mend = f"`{raw}`: numbers are decimal", f"write `{int(raw, 0)}`"
    elif re.fullmatch(r"[\d.]+[jJ]", raw):
        message, mend = f"`{raw}`: numbers are real", "there are no complex numbers"
    elif re.fullmatch(r"[\d_.]*_[\d_.]*", raw) and _NUMBER.fullmatch(raw.replace("_", "")):
        message, mend = f"`{raw}` is not a number: `_` stands between two digits, one at a time", f"write `{raw.replace('_', '')}`"
    elif joined is not None:
        message = f"missing operator between `{joined[1]}` and `{joined[2]}`"
        line = mended(text, start, end, f"{joined[1]} * {joined[2]}")
        mend = f"a product is written with `*`: {line or f'`{joined[1]} * {joined[2]}`'}"
    raise FormulaError(message, start, end, code="malformed-number", help=mend)


def _stray(text: str, at: int) -> NoReturn:
    """Refuses the character at `at`, which begins no token."""
    char = text[at]
    if char in "'\"":
        _bad_string(text, at)
    if char == ".":
        end = at + 1
        after = re.compile(r"\w+", re.ASCII).match(text, end)
        if after is not None:
            raise FormulaError(
                f"`{text[at : after.end()]}` is not part of the language: only `.T` stands after a value",
                at,
                after.end(),
                help=f"a function is called on the value: `{after.group()}(…)`"
                if text[after.end() :].lstrip().startswith("(")
                else "a layer's parameters are reached by the name of the node that called it: `h.weight`",
            )
        raise FormulaError("a name is missing after `.`", at, end, help="`h.weight` is a parameter of the layer `h`, `x.T` the transpose")
    if char in _LOOKALIKES:
        meant = _LOOKALIKES[char]
        shown = f"U+{ord(char):04X}" if char.isspace() else f"`{char}` (U+{ord(char):04X})"
        plain = "".join(_LOOKALIKES.get(c, c) for c in text.replace("−>", "->").replace("–>", "->").replace("—>", "->"))
        line = mended(plain, 0, 0, "") or f"`{meant}`"
        what = "a plain space" if meant == " " else f"`{meant}`" if line != f"`{meant}`" else None
        mend = f"write {what}: {line}" if what and meant != " " else f"write {what or line}"
        raise FormulaError(f"{shown} is not part of the language", at, at + 1, help=mend)
    if char.isalpha():
        name = unicodedata.name(char, "")
        latin = name.rsplit(" ", 1)[-1].lower() if name.startswith("GREEK SMALL LETTER") and " WITH " not in name else None
        raise FormulaError(
            f"`{char}` (U+{ord(char):04X}) cannot stand in a name",
            at,
            at + 1,
            help=f"write `{latin}`" if latin else "names are made of the letters A to Z and a to z, digits and `_`",
        )
    shown = f"`{char}` (U+{ord(char):04X})" if char.isprintable() else f"the character U+{ord(char):04X}"
    raise FormulaError(f"{shown} is not part of the language", at, at + 1, help="leave it out")


def _bad_string(text: str, at: int) -> NoReturn:
    quote = text[at]
    close = text.find(quote, at + 1)
    slash = text.find("\\", at)
    if slash >= 0 and (close < 0 or slash < close):
        raise FormulaError("a string holds no backslash", slash, slash + 1, help="strings are taken as they stand: leave the backslash out")
    if close >= 0:
        raise FormulaError("a string ends on the line where it begins", at, close + 1, help="write it on one line")
    raise FormulaError(
        f"the quote `{quote}` is never closed", at, len(text), code="unbalanced-bracket", help=f"add `{quote}` where the string ends"
    )
