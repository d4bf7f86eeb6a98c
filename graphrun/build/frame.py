"""A formula on its way into the graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from graphrun.build.names import CallRecord, Context, Scope
from graphrun.errors import Place
from graphrun.expr.tree import Expr, Formula
from graphrun.ir.graph import pack_place
from graphrun.spec.spec import Path, Positions

__all__ = ["Frame"]


@dataclass(slots=True, eq=False)
class Frame:
    """A formula on its way into the graph: where it stands, what it sees, and where its steps are entered."""

    formula: Formula
    positions: Positions
    path: Path
    scope: Scope
    context: Context
    calls: list[CallRecord]  # where the calls that it makes are entered
    call: int = -1  # the call that its steps come from
    tag: int = 0
    source: int = 0  # the file's number in the graph
    key: bool = False  # the formula stands in a key (a default argument)
    hole: Any = None
    likes: list[CallRecord] | None = None  # the calls whose parameters those of this formula use again
    base: tuple[int, int] | None = None  # line and column of the formula where it stands on one line, else (-1, 0)

    def like(self, k: int) -> CallRecord | None:
        """The call whose parameters the k-th call of this formula uses again, if it does."""
        return self.likes[k] if self.likes is not None and k < len(self.likes) else None

    def place(self, start: int, end: int) -> Place:
        """Where characters start to end of the formula stand."""
        within = self.positions.within_key if self.key else self.positions.within
        return within(self.path, start, end)

    def packed(self, expr: Expr) -> int:
        """The place of a part of the formula, as the graph stores it."""
        start, end = self.formula.span(expr)
        if self.base is None:
            whole_place = self.place(0, len(self.formula.text))
            straight = whole_place.line == whole_place.end_line and whole_place.end_column - whole_place.column == len(self.formula.text)
            self.base = (whole_place.line, whole_place.column) if straight else (-1, 0)
        line, column = self.base
        if line < 0:
            place = self.place(start, end)
            return pack_place(self.source, place.line, place.column, max(1, place.end_column - place.column))
        return pack_place(self.source, line, column + start, end - start)
