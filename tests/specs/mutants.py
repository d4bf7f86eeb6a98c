"""Good specs with something in them changed: what a slip of the hand makes of a file."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WORDS = [
    "0", "-1", "1e999", "true", "yes", "null", "~", "''", "[]", "{}", "[1, [2]]", "{a: 1}", "x", "batch", "lambda", "relu",
    "relu()", "1 +", "2x", "∂", "a b", "int64", "w * x", "x -> dense(3)", "repeat(x, relu, 2)", "x[9]", "x.T", "h.weight",
    "grad(J, w)", "scan(x, add, 0)", "*x", "&x", "1_0", "inf",
]  # fmt: skip
CHARACTERS = " \t\n:#,-[](){}'\"*&!|>%@`^=+.0123456789abxyzN_\\é×"


def specs() -> list[Path]:
    """The specs that ship, and the templates."""
    return sorted([*ROOT.glob("specs/**/*.yaml"), *ROOT.glob("graphrun/templates/*.yaml")])


def mutant(text: str, dice: random.Random) -> str:
    """`text` with one to three things deleted, doubled, moved or replaced."""
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        text = dice.choice(_CHANGES)(text, dice)
    return text


def _line(lines: Sequence[str], dice: random.Random) -> int:
    return dice.randrange(len(lines))


def _delete_line(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    del lines[_line(lines, dice)]
    return "\n".join(lines) or "x"


def _double_line(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    k = _line(lines, dice)
    return "\n".join([*lines[: k + 1], *lines[k:]])


def _move_line(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    lines.insert(dice.randrange(len(lines)), lines.pop(_line(lines, dice)))
    return "\n".join(lines)


def _indent_line(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    k = _line(lines, dice)
    lines[k] = dice.choice(("  " + lines[k], lines[k].removeprefix("  "), " " + lines[k], "\t" + lines[k]))
    return "\n".join(lines)


def _retype_value(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    at = [k for k, line in enumerate(lines) if ": " in line] or [0]
    k = dice.choice(at)
    lines[k] = lines[k].partition(":")[0] + ": " + dice.choice(WORDS)
    return "\n".join(lines)


def _retype_key(text: str, dice: random.Random) -> str:
    lines = text.split("\n")
    at = [k for k, line in enumerate(lines) if ":" in line] or [0]
    k = dice.choice(at)
    key, colon, rest = lines[k].partition(":")
    indent = key[: len(key) - len(key.lstrip())]
    lines[k] = indent + dice.choice((*WORDS, "nodes", "inputs", "train", "loss", key.strip()[::-1] or "k")) + colon + rest
    return "\n".join(lines)


def _words(text: str) -> list[tuple[int, int]]:
    out, start = [], None
    for k, char in enumerate(text + " "):
        if char.isalnum() or char == "_":
            start = k if start is None else start
        elif start is not None:
            out.append((start, k))
            start = None
    return out or [(0, 0)]


def _swap_word(text: str, dice: random.Random) -> str:
    words = _words(text)
    start, end = dice.choice(words)
    other = dice.choice(words)
    new = dice.choice((text[other[0] : other[1]], dice.choice(WORDS), ""))
    return text[:start] + new + text[end:]


def _character(text: str, dice: random.Random) -> str:
    k = dice.randrange(len(text) + 1)
    return text[:k] + dice.choice((dice.choice(CHARACTERS), "")) + text[k + dice.choice((0, 1, 1)) :]


def _cut(text: str, dice: random.Random) -> str:
    start = dice.randrange(len(text) + 1)
    return text[:start] + text[start + dice.randrange(1, 40) :]


_CHANGES = (
    _delete_line, _double_line, _move_line, _indent_line, _retype_value, _retype_value, _retype_key, _swap_word, _swap_word, _character,
    _character, _cut,
)  # fmt: skip
