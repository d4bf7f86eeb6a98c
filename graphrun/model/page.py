"""What a model shows of itself on a page and in a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphrun.errors import RunError
from graphrun.ledger.html.page import ledger_html
from graphrun.ledger.ledger import Ledger

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["Picture", "report_page"]

MOST_BOXES = 40
"""Of a graph of more steps the page also has graphrun's own picture, in which it is folded."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that shows itself in a notebook; `svg` is its text."""

    svg: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return f"<graphrun picture, SVG of {len(self.svg):,} characters>"


def report_page(model: Model, ledgers: Sequence[Ledger], run: Mapping[str, Any] | None = None) -> str:
    """The report page of a model's ledgers, with the record of a training run where there is one."""
    svg: bytes | None = None
    if len(ledgers[0].forward) > MOST_BOXES:
        try:
            svg = model.draw("svg")
        except RunError:  # too large to draw, or nothing that can draw: the page does without
            svg = None
    return ledger_html(ledgers, diagram_svg=svg, run=run)
