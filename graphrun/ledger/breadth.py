"""How broad a formula in LaTeX is on paper, nearly, in points of a 10pt font: what would leave the page is broken."""

from __future__ import annotations

import re

__all__ = ["breadth"]

_UNDER = {"bwd": 36.0, "fwd": 30.0}  # the words below a factor of the chain rule
_PLAIN = frozenset({"mathrm", "operatorname", "text", "again", "hat", "ensuremath"})
_SIGNS = {"cdot": 7.2, "odot": 12.2, "otimes": 12.2, "times": 12.2, "to": 15.6, "le": 13.4, "ge": 13.4, "ne": 13.4, "land": 11.0}
_SIGNS |= {"lor": 11.0, "lnot": 6.7, "partial": 5.6, "quad": 10.0, "top": 7.8, "Vert": 5.0, "lVert": 5.0, "rVert": 5.0, "surd": 8.3}
_SMALL = 0.7  # of what is raised or lowered
_CHARACTERS = {" ": 0.0, "+": 12.2, "-": 9.0, "/": 5.0, ",": 4.5, ".": 2.8, "m": 8.3, "w": 7.2, "i": 3.0, "l": 3.0}
_CHARACTERS |= {**dict.fromkeys("=<>", 13.4), **dict.fromkeys("()[]|:", 3.9)}
_TOKEN = re.compile(r"\\([A-Za-z]+)\s*|\\(.)|(.)", re.S)


def breadth(tex: str) -> float:
    """The breadth of a formula in math mode."""
    return _Reader(tex).group()


class _Reader:
    def __init__(self, tex: str) -> None:
        self._tokens = list(_TOKEN.finditer(tex))
        self._at = 0

    def group(self) -> float:
        """What stands up to the end of a group, or of all."""
        total = 0.0
        while self._at < len(self._tokens) and self._tokens[self._at][3] != "}":
            total += self._one()
        self._at += 1
        return total

    def _one(self) -> float:
        """The next sign, or a group."""
        if self._at >= len(self._tokens):
            return 0.0
        token = self._tokens[self._at]
        self._at += 1
        command, escape, character = token.groups()
        if character == "{":
            return self.group()
        if character in ("^", "_"):
            return _SMALL * self._one()
        if character is not None:
            return _CHARACTERS.get(character, 5.3)
        if escape is not None:
            return 5.3
        if command in ("frac", "tfrac"):
            size = 1.0 if command == "frac" else _SMALL
            return size * max(self._one(), self._one()) + 2.4
        if command in _UNDER:
            return max(self._one(), _UNDER[command])
        if command in _PLAIN:
            return self._one()
        return _SIGNS.get(command, 5.3 * len(command))
