"""`graphrun check`: every gradient against numerical differentiation."""

from __future__ import annotations

import textwrap
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
    backward pass says, entry by entry (of large arrays for some) and along a direction through all entries. Entries at a
    kink, as of relu at 0, are counted; any slope between those of the two sides is right there. It is done in float64,
    with `training` false and true where that makes a difference. Exit status 1 if a gradient is wrong.

    \b
    Examples:
      graphrun check specs/ann.yaml
      graphrun check specs/ann.yaml --row 3 --at w1=0.5
      graphrun check specs/ann.yaml --of u3
    """
    model = load(files.spec(spec), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint)
    where = {**assignments("--feed", feed), **assignments("--at", at)}
    modes = (False, True) if model.built.assembly.asks_training else (False,)
    found = [model.check(of=of, row=row(row_), at=where, training=training) for training in modes]
    if format is Format.json:
        printing.say_json(_document(model.name, found, modes))
    else:
        parts = [_text(c, training) for c, training in zip(found, modes, strict=True) if not (quiet and c.ok)]
        if not quiet:
            parts.insert(0, "\n".join([f"{model.name}   {files.spec(spec)}", *_lines(found[0].at)]))
        if parts:
            printing.say("\n\n".join(parts))
    if not all(c.ok for c in found):
        raise typer.Exit(1)


def _text(c: Comparison, training: bool) -> str:
    """The table of one graph, and below it what is wrong, or how well it agrees and what was left out."""
    leaves = [x for x in c.checked if x.kind != "step"]
    head = [f"{c.of} = {c.value:.6g}" + (", in training" if training else "")]
    rows = [(f"∂{c.of}/∂{x.name}", x.kind, _entries(x), _verdict(x)) for x in leaves]
    wrong = [x for x in c.checked if not x.ok]
    parts = [[*head, *_columns(rows, printing.width())], _wrong(c, wrong) if wrong else [*_lines(_agreement(c))], _left_out(c)]
    return "\n".join(parts[0] + (["", *parts[1]] if wrong else parts[1]) + parts[2])


def _entries(x: Checked) -> str:
    compared = f", {x.compared} singly" if x.compared < x.entries else ""
    return f"{x.entries:,} {'number' if x.entries == 1 else 'numbers'}{compared}"


def _verdict(x: Checked) -> str:
    if not x.ok:
        return f"WRONG, off by {x.off:.1g}"
    aside = [f"{x.kinks} at a kink"] if x.kinks else []
    aside += [f"{x.vague} unclear"] if x.vague else []
    if x.entries and x.compared and x.kinks + x.vague >= x.compared and x.off == 0.0:
        return ", ".join(aside)
    return ", ".join([f"within {x.off:.1g}" if x.entries else "no entries", *aside])


def _agreement(c: Comparison) -> str:
    """What was compared, and how well it agrees."""
    steps = [x for x in c.checked if x.kind == "step"]
    leaves = len(c.checked) - len(steps)
    if not c.checked:
        return f"{c.of} depends on no real input, parameter or state: there are no gradients to compare"
    if all(x.off == 0.0 and x.kinks + x.vague >= max(x.compared, 1) for x in c.checked):
        return "there is no gradient that differences tell anything of"
    off = max(x.off for x in c.checked)
    some = f"the last {len(steps):,} of {c.steps:,} steps" if len(steps) < c.steps else printing.count(len(steps), "step")
    what = f"these gradients and those of {some}" if leaves and steps else "these gradients" if leaves else f"the gradients of {some}"
    return f"{what} agree with central differences to {off:.1g}"


def _left_out(c: Comparison) -> list[str]:
    leaves = [x for x in c.checked if x.kind != "step"]
    out = []
    if any(x.kinks for x in leaves):
        out += _lines("at a kink there is no one derivative: nothing is said of those entries unless one slope is outside of both sides")
    if any(x.vague for x in leaves):
        out += _lines("unclear: rounding, or a value that is not finite nearby, hides all but the first digits of the differences")
    return out


def _wrong(c: Comparison, wrong: Sequence[Checked]) -> list[str]:
    """The worst entry of each gradient that is wrong, and where the fault begins: the step whose own gradient is right and whose operand's
    is not."""
    shown = [x for x in wrong if x.kind != "step"] or wrong[-1:]
    rows = [("wrong", "backward pass", "central difference")]
    rows += [(_place(x), f"{x.backward:.9g}", f"{x.numerical:.9g}") for x in shown]
    lines = _columns(rows, printing.width())
    steps = sum(x.kind == "step" for x in wrong)
    if steps and len(shown) < len(wrong):
        lines += _lines(f"and of {printing.count(c.steps, 'step')} {steps} wrong")
    if c.blame is None:
        return lines
    graph, i = c.graph, c.blame
    formula = formula_text(graph, i, graph.name, set(graph.inputs(i)).__contains__)
    where = f" (line {graph.line(i)})" if graph.line(i) else ""
    return [*lines, "", *_lines(f"first wrong behind {graph.name(i)} = {formula}{where}: the backward rule of `{graph.op(i).name}`")]


def _place(x: Checked) -> str:
    if x.worst or x.entries == 1:
        return f"{x.name}[{', '.join(map(str, x.worst))}]" if x.worst else x.name
    return f"{x.name}, all along a direction"


def _lines(text: str) -> list[str]:
    wide = printing.width()
    return textwrap.wrap(text, wide, initial_indent="  ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _columns(rows: Sequence[Sequence[str]], width: int) -> list[str]:
    """Rows in columns. A first cell that is too long for the width has a line of its own."""
    if not rows:
        return []
    wide = [max(len(cells[k]) for cells in rows) for k in range(len(rows[0]))]
    room = max(width - 2 - sum(w + 3 for w in wide[1:]), 12)
    wide[0] = max((len(cells[0]) for cells in rows if len(cells[0]) <= room), default=2)
    lines = []
    for cells in rows:
        alone = len(cells[0]) > wide[0]
        lines += [f"  {cells[0]}"] if alone else []
        shown = zip(["" if alone else cells[0], *cells[1:]], wide, strict=True)
        lines.append("  " + "   ".join(f"{cell:<{w}}" for cell, w in shown).rstrip())
    return lines


def _document(name: str, found: Sequence[Comparison], modes: Sequence[bool]) -> dict[str, Any]:
    return {
        "spec": name,
        "ok": all(c.ok for c in found),
        "at": found[0].at,
        "checked": [
            {
                "of": c.of,
                "training": training,
                "name": x.name,
                "kind": x.kind,
                "entries": x.entries,
                "compared": x.compared,
                "index": list(x.worst),
                "backward": x.backward,
                "numerical": x.numerical,
                "off": x.off,
                "kinks": x.kinks,
                "unclear": x.vague,
                "ok": x.ok,
            }
            for c, training in zip(found, modes, strict=True)
            for x in c.checked
        ],
    }
