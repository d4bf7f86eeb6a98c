"""A canvas of characters: boxes, and lines that join where they meet."""

from __future__ import annotations

from dataclasses import dataclass, field
from unicodedata import combining, east_asian_width

__all__ = ["Canvas", "cells", "clip_cells", "plain_lines"]

LEFT, RIGHT, UP, DOWN = 1, 2, 4, 8
_SIGNS = {
    LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─", UP: "│", DOWN: "│", UP | DOWN: "│", RIGHT | DOWN: "┌", LEFT | DOWN: "┐", RIGHT | UP: "└",
    LEFT | UP: "┘", RIGHT | UP | DOWN: "├", LEFT | UP | DOWN: "┤", LEFT | RIGHT | DOWN: "┬", LEFT | RIGHT | UP: "┴",
    LEFT | RIGHT | UP | DOWN: "┼",
}  # fmt: skip
_ASCII = str.maketrans({**dict(zip("─│┌┐└┘├┤┬┴┼═║╔╗╚╝╟▶▸", "-|+++++++++=|+++++>>", strict=True)), "←": "<", "…": "."})


def plain_lines(text: str) -> str:
    """Lines and arrows of ASCII in place of the drawn ones."""
    return text.translate(_ASCII)


def cells(text: str) -> int:
    """How many cells of a terminal a text takes."""
    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def clip_cells(text: str, most: int) -> str:
    """The text, cut with `…` where it takes more than `most` cells."""
    if cells(text) <= most:
        return text
    out, used = "", 1
    for c in text:
        used += cells(c)
        if used > most:
            break
        out += c
    return out + "…"


@dataclass(slots=True)
class Canvas:
    """Characters by place: columns from the left, rows from the top."""

    lines: dict[tuple[int, int], int] = field(default_factory=dict)
    texts: dict[tuple[int, int], str] = field(default_factory=dict)

    def across(self, x: int, to: int, y: int) -> None:
        """A level line from x to `to`."""
        low, high = sorted((x, to))
        for k in range(low, high + 1):
            self.add(k, y, (RIGHT if k < high else 0) | (LEFT if k > low else 0))

    def along(self, x: int, y: int, to: int) -> None:
        """An upright line from y to `to`."""
        low, high = sorted((y, to))
        for k in range(low, high + 1):
            self.add(x, k, (DOWN if k < high else 0) | (UP if k > low else 0))

    def add(self, x: int, y: int, ways: int) -> None:
        """Lines that leave a place in these directions."""
        self.lines[x, y] = self.lines.get((x, y), 0) | ways

    def text(self, x: int, y: int, text: str) -> None:
        """A text, over whatever is there; what takes two cells leaves the second one empty."""
        for c in text:
            if combining(c):
                self.texts[x - 1, y] = self.texts.get((x - 1, y), "") + c
                continue
            self.texts[x, y] = c
            x += 1
            if cells(c) == 2:
                self.texts[x, y] = ""
                x += 1

    def box(self, x: int, y: int, width: int, height: int, heavy: bool = False) -> None:
        """A box of that many cells, over whatever is there."""
        h, v, corners = ("═", "║", "╔╗╚╝") if heavy else ("─", "│", "┌┐└┘")
        for k in range(height):
            row = corners[0] + h * (width - 2) + corners[1] if k == 0 else corners[2] + h * (width - 2) + corners[3]
            self.text(x, y + k, row if k in (0, height - 1) else v + " " * (width - 2) + v)

    def written(self) -> str:
        """All of it as lines of text."""
        places = [*self.lines, *self.texts]
        if not places:
            return ""
        left, right = min(x for x, _ in places), max(x for x, _ in places)
        top, bottom = min(y for _, y in places), max(y for _, y in places)
        rows = []
        for y in range(top, bottom + 1):
            row = "".join(
                self.texts[x, y] if (x, y) in self.texts else _SIGNS.get(self.lines.get((x, y), 0), " ") for x in range(left, right + 1)
            )
            rows.append(row.rstrip())
        return "\n".join(rows)
