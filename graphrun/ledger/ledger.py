"""The ledger: what every step computed, and which derivative it handed back. Facts only; text, Markdown and JSON are written from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, LEAVES
from graphrun.ir.pause import collection_paused
from graphrun.ledger.facts import BackwardLine, Facts, ForwardLine, LeafLine, Trial, Update
from graphrun.ledger.html.page import framed, ledger_html
from graphrun.ledger.json import ledger_json
from graphrun.ledger.lines import asked_nodes, backward_lines, forward_lines, symbol
from graphrun.ledger.local import Rules
from graphrun.ledger.markdown import ledger_markdown
from graphrun.ledger.notes import Notes
from graphrun.ledger.steps import Step, shown_steps
from graphrun.ledger.tex import ledger_tex
from graphrun.ledger.text import ledger_text

__all__ = ["Facts", "GradientLine", "Ledger", "Trial", "Update", "make_ledger"]


@dataclass(frozen=True, slots=True)
class GradientLine:
    """A gradient as it is read out at the end, and the trial made with it, if any. For an element of an array `name` is `W[0, 1]`."""

    name: str
    symbol: str
    value: Any
    trial: Trial | None


@dataclass(frozen=True, slots=True, eq=False)
class Ledger:
    """The two passes as lines, and what they come to."""

    facts: Facts
    of: str
    inputs: tuple[LeafLine, ...]
    parameters: tuple[LeafLine, ...]
    constants: tuple[LeafLine, ...]
    forward: tuple[ForwardLine, ...]
    backward: tuple[BackwardLine, ...]
    gradients: tuple[GradientLine, ...]
    primitive: tuple[list[Step], Notes] | None = None  # the steps with what was worked out for them, where each is a primitive one

    def to_text(self, ascii: bool = False, width: int = 80, most: int | None = None) -> str:
        """For a terminal of `width` columns; `ascii` writes `d`, `*` and `1/2` for `∂`, `·` and `½`. Of a pass of more than `most` lines
        the middle is left out."""
        return ledger_text(self, ascii=ascii, width=width, most=most)

    def to_markdown(self) -> str:
        """As Markdown, with tables."""
        return ledger_markdown(self)

    def to_tex(self) -> str:
        """As a LaTeX document of aligned equations."""
        return ledger_tex(self)

    def to_json(self) -> dict[str, Any]:
        """As a document of plain values (language.md §8)."""
        return ledger_json(self)

    def to_html(self) -> str:
        """As a page of its own that asks nothing of any network: the two passes to step through, a table, and values to try."""
        return ledger_html(self)

    def __repr__(self) -> str:
        return f"<graphrun ledger of {self.facts.spec}: {len(self.forward)} steps forward, {len(self.backward)} back>"

    def _repr_html_(self) -> str:
        """The page in a frame, for a notebook."""
        return framed(self.to_html())


def make_ledger(facts: Facts, *, expand: bool = False) -> Ledger:
    """The ledger of `facts`. With `expand` every primitive step is a line; otherwise a formula is one line where its derivative is known as
    a whole to the reader."""
    with collection_paused():
        return _made(facts, expand)


def _made(facts: Facts, expand: bool) -> Ledger:
    graph, values = facts.graph, facts.values
    steps = shown_steps(graph, facts.of, Rules(graph), expand=expand, asked=asked_nodes(facts))
    notes = Notes(facts, steps)
    used = {j for step in steps for j in step.operands} | {facts.of}
    return Ledger(
        facts,
        facts.name(facts.of),
        tuple(LeafLine(name, values[i]) for name, i in facts.inputs.items() if i in used),
        tuple(LeafLine(name, values[i]) for name, i in facts.params.items() if i in used),
        tuple(LeafLine(facts.name(i), values[i]) for i in sorted(used) if graph.op(i) is CONST and graph.owner(i) is not None),
        forward_lines(notes, steps),
        backward_lines(notes, steps),
        _gradient_lines(facts, steps),
        (steps, notes) if len(steps) == _computed(graph, facts.of) else None,
    )


def _computed(graph: Graph, of: int) -> int:
    """The number of primitive steps that a node depends on."""
    marks = graph.ancestors([of])
    return sum(1 for i in range(of + 1) if marks[i] and graph.op(i) not in LEAVES)


def _gradient_lines(facts: Facts, steps: Sequence[Step]) -> tuple[GradientLine, ...]:
    of = facts.name(facts.of)
    tried: dict[str, list[Trial]] = {}
    for made in facts.trials:
        tried.setdefault(made.name.partition("[")[0], []).append(made)
    names = facts.params if facts.wrt is None else {name: i for name, i in _named(facts).items() if name in facts.wrt}
    used = {j for step in steps for j in step.operands}
    out = []
    for name, i in names.items():
        if facts.wrt is None and i not in used:
            continue
        trials = tried.get(name, [])
        whole = next((t for t in trials if t.name == name), None)
        out.append(GradientLine(name, symbol(of, name), facts.gradients.get(i, 0.0), whole))
        out.extend(GradientLine(t.name, symbol(of, t.name), t.gradient, t) for t in trials if t.name != name)
    return tuple(out)


def _named(facts: Facts) -> dict[str, int]:
    found = {name: i for table in (facts.params, facts.entries, facts.inputs) for name, i in table.items()}
    if any(name not in found for name in facts.wrt or ()):
        found = {**facts.graph.index(), **found}
    return {name: found[name] for name in facts.wrt or () if name in found}
