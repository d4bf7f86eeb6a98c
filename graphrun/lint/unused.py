"""What nothing needs: nodes, and columns of the data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphrun.errors import Diagnostic
from graphrun.expr.tree import Formula
from graphrun.lint.look import Look, warning

__all__ = ["unused_columns", "unused_nodes"]

SHOWN = 8


def unused_nodes(look: Look) -> Iterator[Diagnostic]:
    """Nodes that neither the loss nor an output needs, where the spec says what its outputs are."""
    model, a = look.spec.model, look.built.assembly
    if model.outputs is None:
        return
    at = look.spec.file.positions
    formulas = {name: a.parsed(written, at, ("nodes", name)) or [] for name, written in model.nodes.items()}
    needs = {name: _names(look, found) for name, found in formulas.items()}
    roots = {name.partition(".")[0] for name in model.outputs}
    for entry in model.expect:
        roots |= {name.partition(".")[0].partition("#")[0] for name in (*entry.values, *entry.gradients, *entry.shapes)}
    if model.loss is not None:
        roots |= _names(look, a.parsed(model.loss, at, ("loss",)) or [])
    for name, written in model.metrics.items():
        roots |= _names(look, a.parsed(written, at, ("metrics", name)) or [])
    for name, state in model.state.items():
        roots |= _names(look, a.parsed(state.update, at, ("state", name, "update")) or [])
    for fn in look.spec.file.functions.values():
        for found in a.formulas(fn).values():
            roots |= _names(look, found)
    reached: set[str] = set()
    stack = [name for name in roots if name in needs]
    while stack:
        name = stack.pop()
        if name not in reached:
            reached.add(name)
            stack.extend(n for n in needs[name] if n in needs)
    for name in model.nodes:
        if name not in reached:
            message = f"nothing needs the node `{name}`: neither the loss nor one of the outputs"
            yield from warning("unused-node", message, look.spec.key("nodes", name), "take it out, or add it to `outputs`")


def _names(look: Look, formulas: Iterable[Formula]) -> set[str]:
    static, file = look.built.assembly.static, look.spec.file
    return {name.partition(".")[0] for formula in formulas for name, _ in static.references(formula, file).values}


def unused_columns(look: Look, columns: Iterable[str]) -> Iterator[Diagnostic]:
    """The columns of the data that fill no input, in one line."""
    names = [f"`{c}`" for c in columns]
    if names:
        listed = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        what = "this column of the data" if len(names) == 1 else "these columns of the data"
        message = f"nothing uses {what}: {listed}"
        yield from warning("unused-column", message, look.spec.key("data", "source"), "name them under `columns`, or take them out")
