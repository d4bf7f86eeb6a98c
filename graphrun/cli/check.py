"""`graphrun check`: every gradient against numerical differentiation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import (
    AtOption,
    CheckpointOption,
    FeedOption,
    Format,
    FormatOption,
    QuietOption,
    RowOption,
    SetOption,
    SpecArgument,
    assignments,
    row,
)
from graphrun.ir.formula import formula_text
from graphrun.model import load
from graphrun.model.checking import Checked, Comparison

__all__ = ["command"]


def command(
    spec: SpecArgument,
    *,
    of: Annotated[
        str | None, typer.Option("--of", metavar="NODE", help="What to differentiate; the loss where not given.", show_default=False)
    ] = None,
    at: AtOption = None,
    feed: FeedOption = None,
    row_: RowOption = None,
    checkpoint: CheckpointOption = None,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Compare every gradient with numerical differentiation.

    Each parameter, input and step is moved a little to both sides, and the change of the loss is held against what the
    backward pass says; at a kink, as of relu at 0, any slope between those of the two sides is right. It is done in
    float64, with `training` false and true where that makes a difference. Exit status 1 if a gradient is wrong.

    \b
    Examples:
      graphrun check specs/ann.yaml
      graphrun check specs/ann.yaml --row 3 --at w1=0.5
      graphrun check specs/iris.yaml --of "h"
    """
    model = load(files.spec(spec), set=[*(set_ or []), "dtype=float64"])
    if checkpoint is not None:
        model.load_params(checkpoint)
    where = {**assignments("--feed", feed), **assignments("--at", at)}
    modes = (False, True) if model.built_for(True) is not model.built else (False,)
    found = [model.check(of=of, row=row(row_), at=where, training=training) for training in modes]
    if format is Format.json:
        printing.say_json(_document(model.name, found))
    else:
        parts = [_text(c, training) for c, training in zip(found, modes, strict=True) if not (quiet and c.ok)]
        if not quiet:
            parts.insert(0, f"{model.name}   {files.spec(spec)}")
        printing.say("\n\n".join(parts))
    if not all(c.ok for c in found):
        raise typer.Exit(1)


def _text(c: Comparison, training: bool) -> str:
    """The table of one graph, what is wrong first."""
    leaves = [x for x in c.checked if x.kind != "step"]
    steps = [x for x in c.checked if x.kind == "step"]
    wrong = [x for x in c.checked if not x.ok]
    rows = [(f"∂{c.of}/∂{x.name}", x.kind, printing.count(x.entries, "number"), _verdict(x)) for x in leaves]
    lines = [f"{c.of} = {c.value:.6g}" + (", in training" if training else ""), *_columns(rows)]
    if wrong:
        bad = sum(not x.ok for x in steps)
        lines += ([f"  and of {printing.count(len(steps), 'step')} {bad} wrong"] if bad else []) + ["", *_blame(c, wrong)]
    else:
        off = max((x.off for x in c.checked), default=0.0)
        more = f" and those of {printing.count(len(steps), 'step')}" if steps else ""
        lines.append(f"  these gradients{more} agree with central differences to {off:.1g}")
    return "\n".join(lines)


def _verdict(x: Checked) -> str:
    kinks = f", {x.kinks} of them at a kink" if x.kinks else ""
    if x.ok:
        return f"within {x.off:.1g}{kinks}"
    return f"WRONG: {x.name}{list(x.worst) if x.worst else ''} is {x.backward:.8g} backward, {x.numerical:.8g} by differences"


def _blame(c: Comparison, wrong: Sequence[Checked]) -> list[str]:
    """Where the fault begins: the step whose own gradient is right and whose operand's is wrong."""
    if c.blame is None:
        worst = max(wrong, key=lambda x: x.off)
        return [f"  most wrong: {worst.name}, off by {worst.off:.1g} of itself"]
    graph, i = c.graph, c.blame
    formula = formula_text(graph, i, graph.name, set(graph.inputs(i)).__contains__)
    line = graph.line(i)
    where = f" (line {line})" if line else ""
    return [f"  first wrong behind {graph.name(i)} = {formula}{where}: the backward rule of `{graph.op(i).name}`"]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    if not rows:
        return []
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  " + "   ".join(f"{cell:<{w}}" for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]


def _document(name: str, found: Sequence[Comparison]) -> dict[str, Any]:
    return {
        "spec": name,
        "ok": all(c.ok for c in found),
        "checked": [
            {
                "of": c.of,
                "name": x.name,
                "kind": x.kind,
                "entries": x.entries,
                "compared": x.compared,
                "index": list(x.worst),
                "backward": x.backward,
                "numerical": x.numerical,
                "off": x.off,
                "kinks": x.kinks,
                "ok": x.ok,
            }
            for c in found
            for x in c.checked
        ],
    }
