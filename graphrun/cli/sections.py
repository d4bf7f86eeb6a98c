"""The sections that `graphrun show` prints, each a text of its own, in 80 columns where names and formulas allow it."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Mapping, Sequence

from graphrun.build.build import Built
from graphrun.cli import printing
from graphrun.ir.cost import Cost, cost_text
from graphrun.ir.formula import formula_text
from graphrun.ir.leaves import LEAVES
from graphrun.ir.types import Shape, shape_text
from graphrun.model import Model
from graphrun.model.layer_table import Layer, Totals, at_sizes, layers, totals, usual_sizes
from graphrun.spec.spec import Function, Optimizer
from graphrun.spec.traced import Entry, traced, traced_lines

__all__ = ["MOST_ROWS", "cost", "entries", "formula", "head", "layer_table", "leaves", "primitive", "resolved_spec", "steps", "where"]

MOST_ROWS = 200
FORMULA = 30  # characters of a formula in the table of layers


def head(model: Model) -> str:
    """The name of the spec, what it is about, and its file."""
    about = " ".join((model.spec.model.about or "").split())
    first = f"{model.name}: {about}" if about else model.name
    return "\n".join(textwrap.wrap(first, printing.width(), break_long_words=False))


def entries(model: Model, built: Built) -> list[Entry]:
    """The entries of the resolved spec with where each came from."""
    return traced(model.spec, {"outputs": list(built.outputs)} if built.loss is None else None)


def resolved_spec(model: Model, built: Built) -> str:
    """The spec as it is understood, each line with where it came from."""
    lines = traced_lines(entries(model, built))
    wide = max(len(origin) for _, origin in lines)
    out = [f"SPEC, resolved: {model.spec.file.positions.source.name}"]
    for line, origin in lines:
        lead = f"  {origin:<{wide}}   "
        deep = " " * (len(line) - len(line.lstrip()) + 4)
        first, *rest = textwrap.wrap(
            line, max(40, printing.width() - len(lead)), subsequent_indent=deep, break_long_words=False, break_on_hyphens=False
        ) or [""]  # fmt: skip
        out += [lead + first, *(" " * len(lead) + more for more in rest)]
    return "\n".join(line.rstrip() for line in [*out, *_brought(model)])


def _brought(model: Model) -> list[str]:
    """The functions and optimizers that `use` brought in, and from where."""
    file = model.spec.file
    found: list[Function | Optimizer] = [*file.functions.values(), *file.optimizers.values()]
    rows = []
    for entry in found:
        if entry.file is not file:
            place = entry.file.positions.key(entry.path)
            rows.append((str(entry.path[-1]), f"{place.source.name}:{place.line}"))
    return ["", "  brought by `use`", *(f"  {line}" for line in columns(rows))] if rows else []


def leaves(built: Built) -> str:
    """Inputs, parameters and state: shapes, dtypes, how many numbers."""
    rows = [("input", name, shape_text(i.shape), i.dtype, "") for name, i in built.inputs.items()]
    for name, p in built.params.items():
        numbers = printing.count(math.prod(p.shape), "number")
        rows.append(("parameter", name, shape_text(p.shape), p.dtype, numbers if p.trainable else f"{numbers}, not trained"))
    for name, s in built.state.items():
        rows.append(("state", name, shape_text(s.shape), s.dtype, f"{printing.count(math.prod(s.shape), 'number')}, not trained"))
    return "INPUTS AND PARAMETERS\n" + "\n".join(columns(rows)) if rows else ""


def columns(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Rows of cells in columns; those numbered in `right` end at one column."""
    if not rows:
        return []
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    out = []
    for row in rows:
        cells = [f"{cell:>{w}}" if k in right else f"{cell:<{w}}" for k, (cell, w) in enumerate(zip(row, wide, strict=True))]
        out.append("  " + "   ".join(cells).rstrip())
    return out


def layer_table(built: Built, *, everything: bool) -> str:
    """A row for each entry of `nodes`: shape, parameters, multiply-adds, memory; the sums last.

    Where that is too wide, formulas are left out, and then costs are numbers at sizes that the head names.
    """
    found = layers(built)
    shown = found if everything else found[:MOST_ROWS]
    sizes = usual_sizes(built)
    head = "LAYERS, forward" + (" for one row" if built.one_row and built.spec.model.data is not None else "")
    lines, symbols = [""], True
    for formulas, symbols in ((True, True), (False, True), (False, False)):
        rows = _rows(shown, totals(built), formulas, None if symbols else sizes)
        lines = columns(rows, range(len(rows[0]) - 3, len(rows[0])))
        if max(map(len, lines)) <= printing.width():
            break
    if not symbols and sizes:
        head += f", at {', '.join(f'{name} = {n}' for name, n in sizes.items())}"
    more = [f"  ... and {len(found) - len(shown):,} more (--all shows them)"] if len(found) > len(shown) else []
    return "\n".join([head, *lines[:-1], *more, lines[-1]])


def _rows(shown: Sequence[Layer], sums: Totals, formulas: bool, sizes: Mapping[str, int] | None) -> list[tuple[str, ...]]:
    out = [("layer", "", "shape", "parameters", "multiply-adds", "memory")]
    for one in shown:
        numbers = f"{one.parameters:,}" if one.parameters else ""
        out.append((f"{'  ' * one.level}{one.name}", _short(one.written), _shape(one.shape), numbers, *_told(one.cost, sizes)))
    out.append(("total", "", "", f"{sums.parameters:,}", *_told(sums.cost, sizes)))
    return list(out) if formulas else [(row[0], *row[2:]) for row in out]


def _told(cost: Cost, sizes: Mapping[str, int] | None) -> tuple[str, str]:
    if sizes is None:
        return cost_text(cost)
    adds, memory = at_sizes(cost.multiply_adds, sizes), at_sizes(cost.memory, sizes)
    return cost_text(cost if adds is None or memory is None else Cost(adds, memory))


def _short(text: str) -> str:
    return text if len(text) <= FORMULA else f"{text[: FORMULA - 1].rstrip()}…"


def _shape(shape: Shape) -> str:
    return shape_text(shape) if shape else ""


def primitive(built: Built) -> list[int]:
    """The nodes that compute something."""
    graph = built.graph
    return [i for i in range(len(graph)) if graph.op(i) not in LEAVES]


def formula(built: Built, i: int) -> str:
    """A step as a formula of its operands."""
    graph = built.graph
    return formula_text(graph, i, graph.name, set(graph.inputs(i)).__contains__)


def steps(built: Built, *, everything: bool) -> str:
    """Every primitive step with its formula, shape and place."""
    graph, found = built.graph, primitive(built)
    shown = found if everything else found[:MOST_ROWS]
    rows = [(graph.name(i), f"= {formula(built, i)}", _shape(graph.shape(i)), where(built, i)) for i in shown]
    more = [f"  ... and {len(found) - len(shown):,} more (--all shows them)"] if len(found) > len(shown) else []
    return "\n".join(["STEPS", *columns(rows), *more]) if rows else ""


def where(built: Built, i: int) -> str:
    """The line of the spec that a step comes from, or file and line where that is another file."""
    source, line, _, _ = built.graph.place(i)
    if not line:
        return ""
    name = built.graph.sources[source]
    return f"line {line}" if name == built.spec.file.positions.source.name else f"{os.path.basename(name)}:{line}"


def cost(built: Built) -> str:
    """What a pass comes to."""
    n, p = built.work
    sums = totals(built)
    lines = [f"  {printing.count(sums.parameters, 'number')} in {printing.count(len(built.params), 'parameter')}"]
    lines.append(f"  {printing.count(sums.steps, 'primitive step')} forward")
    adds, memory = cost_text(sums.cost)
    said = [f"{adds} multiply-adds forward, whose values take {memory}"]
    if built.loss is not None:
        said.append(f"backward visits {n:,} nodes + {p:,} parameters = {n + p:,} steps; one derivative at a time would take {n * p:,}")
    for one in said:
        lines += textwrap.wrap(one, printing.width(), initial_indent="  ", subsequent_indent="    ")
    return "\n".join(["COST", *lines])
