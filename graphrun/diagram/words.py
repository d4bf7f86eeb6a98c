"""What is written below a picture: formulas, the caption and the legend, in lines that are not wider than a picture may be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from graphrun.diagram.shapes import WIDEST, Piece, TextRow, plain_row, row_width
from graphrun.diagram.text import text_width
from graphrun.diagram.view import View

__all__ = ["SMALL", "words_below"]

SMALL = 12.0
"""The size of what stands below a picture."""

_GAP = 5


def words_below(view: View, with_head: bool = False) -> tuple[TextRow, ...]:
    """The lines below a picture from the top. `with_head` puts the picture's head line there too, where nothing can stand above."""
    out: list[TextRow] = []
    if with_head and view.head:
        out.append(plain_row(view.head, SMALL))
    for row in view.rows:
        out.extend(_in_width(plain_row(row, SMALL)))
    lead, gap, rest = view.caption.partition("   ")
    pieces = (Piece("ink", lead, SMALL, bold=True), Piece("ink", rest, SMALL)) if gap else (Piece("ink", lead, SMALL),)
    out.extend(_in_width(pieces) if lead else ())
    legend = [Piece(role, text, SMALL) for role, text in view.legend if text]
    out.extend(_legend_lines(legend))
    return tuple(out)


def _in_width(row: TextRow) -> Iterable[TextRow]:
    """The row, broken before the piece at which it becomes too wide; a result stays with its formula, and a piece that is too wide by
    itself is broken between words."""
    line: list[Piece] = []
    for piece in row:
        if line and row_width((*line, piece)) > WIDEST:
            kept = [line.pop()] if piece.role != "ink" and len(line) > 1 else []
            yield tuple(line)
            line = kept
        *whole, last = _wrapped(piece.text, piece.bold) or [""]
        for text in whole:
            yield (*line, replace(piece, text=text))
            line = []
        line.append(replace(piece, text=last))
    yield tuple(line)


def _legend_lines(pieces: Sequence[Piece]) -> Iterable[TextRow]:
    """The legend's entries side by side, in as few lines as they fit in, with room between them."""
    line: list[Piece] = []
    wide = _GAP * text_width(" ", SMALL)
    for piece in pieces:
        used = sum(p.width + wide for p in line)
        if line and used + piece.width > WIDEST:
            yield _spaced(line)
            line = []
        line.append(piece)
    if line:
        yield _spaced(line)


def _spaced(line: Sequence[Piece]) -> TextRow:
    """Pieces with a no-break space of room beyond the usual gap."""
    room = "\u00a0" * (_GAP - 2)
    return tuple(Piece(p.role, p.text + (room if k + 1 < len(line) else ""), p.points, p.bold) for k, p in enumerate(line))


def _wrapped(text: str, bold: bool = False) -> list[str]:
    """A text in lines, broken between words where they would be wider than a picture may be."""
    lines: list[str] = []
    for part in text.split("\n") if text else []:
        line = ""
        for word in part.split(" "):
            longer = f"{line} {word}" if line else word
            if line and text_width(longer, SMALL, bold) > WIDEST:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    return lines


