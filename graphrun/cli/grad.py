"""`graphrun grad`: the chain-rule ledger."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

import typer

from graphrun.cli import files, made, printing
from graphrun.cli.made import CheckOption
from graphrun.cli.options import (
    AtOption,
    CheckpointOption,
    FeedOption,
    Format,
    FormatOption,
    QuietOption,
    RowOption,
    SetOption,
    TrainingOption,
    assignments,
    row,
    suffix,
)
from graphrun.errors import UsageError
from graphrun.ir.types import is_real
from graphrun.ledger.json import json_text
from graphrun.ledger.latex import joined
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.views import View
from graphrun.model import Model, load
from graphrun.model.page import report_page

__all__ = ["command"]

MOST_LINES = 400  # of a pass that a terminal shows; a file and a pipe get all
MOST_BYTES = 20_000_000  # of a file that is told how it was made


def command(
    context: typer.Context,
    specs: Annotated[list[str], typer.Argument(metavar="SPEC", help="A spec file; with --check, files.", show_default=False)],
    *,
    check: CheckOption = False,
    out: Annotated[str | None, typer.Option("-o", metavar="FILE", help="Write it: .md, .tex, .json or .html.", show_default=False)] = None,
    of: Annotated[
        str | None, typer.Option("--of", metavar="NODE", help="What to differentiate; the loss where not given.", show_default=False)
    ] = None,
    wrt: Annotated[
        list[str] | None,
        typer.Option("--wrt", metavar="NAMES", help="By what: nodes, inputs, parameters; else all parameters.", show_default=False),
    ] = None,
    at: AtOption = None,
    feed: FeedOption = None,
    row_: RowOption = None,
    checkpoint: CheckpointOption = None,
    updates: Annotated[
        int | None, typer.Option("--updates", metavar="N", min=1, help="The ledgers of N successive updates.", show_default=False)
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option("--entry", metavar="NAME[I, J]", help="The chain rule of one entry of an array, in numbers.", show_default=False),
    ] = None,
    paths: Annotated[
        str | None, typer.Option("--paths", metavar="NAME", help="Every path from a value to the loss, and their sum.", show_default=False)
    ] = None,
    forward_mode: Annotated[
        bool, typer.Option("--forward-mode", help="The ledger of one derivative at a time, with the work done again marked.")
    ] = False,
    expand: Annotated[bool, typer.Option("--expand", help="Show formulas in their primitive steps.")] = False,
    timing: Annotated[
        bool, typer.Option("--timing", help="Time reverse mode and one derivative at a time; on a terminal that is done in any case.")
    ] = False,
    training: TrainingOption = False,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Work out every derivative step by step, as on paper.

    First the forward steps with their values, then the backward steps from right to left, each as symbols and as
    numbers. Then each gradient is tried out and compared with central differences, one update is made, and the work
    is counted.

    \b
    Examples:
      graphrun grad specs/neuron.yaml
      graphrun grad specs/neuron.yaml --at w=3 --at b=0
      graphrun grad specs/ann.yaml --row 2
      graphrun grad specs/ann.yaml --of u3 --wrt w5,u1
      graphrun grad specs/ann.yaml --updates 3
      graphrun grad specs/ann.yaml --paths w1
      graphrun grad specs/ann.yaml --forward-mode
      graphrun grad specs/iris.yaml --entry "h.weight[2, 1]"
      graphrun grad specs/larger.yaml --expand -o ledger.md
      graphrun grad specs/neuron.yaml -o report.html
      graphrun grad --check ledger.md report.html
    """
    if check:
        made.check(context, specs, quiet=quiet, as_json=format is Format.json)
    views = {"--entry": entry, "--paths": paths, "--forward-mode": forward_mode, "--updates": updates}
    asked = [flag for flag, value in views.items() if value]
    names = [name.strip() for text in wrt or () for name in text.split(",") if name.strip()] or None
    _together(asked, of, names)
    target = None if out is None else suffix("-o", out, (".md", ".tex", ".json", ".html"))
    model = load(files.spec(made.one(specs)), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint, name=None if out is None else made.named(checkpoint, out))
    where: dict[str, Any] = {"row": row(row_), "at": {**assignments("--feed", feed), **assignments("--at", at)}}
    if entry is not None:
        found: Sequence[Ledger | View] = [model.entry(entry, of, training=training, **where)]
    elif paths is not None:
        found = [model.paths(paths, of, expand=expand, training=training, **where)]
    elif forward_mode:
        found = [model.forward_mode(of, names, training=training, **where)]
    else:
        times = out is None and (timing or (format is Format.text and printing.is_terminal()))
        if updates is not None:
            found = model.ledgers(updates, expand=expand, timing=times, **where)
        else:
            if names is None and format is Format.text and target != ".json":
                names = _leaves(model, of, training=training)
            found = [model.ledger(of=of, wrt=names, expand=expand, training=training, timing=times, **where)]
    if out is not None:
        found = [replace(one, facts=replace(one.facts, path=made.named(one.facts.path, out))) for one in found]
        _write(model, out, found, updates)
        if os.path.getsize(out) <= MOST_BYTES:
            made.keep(context, out)
    if format is Format.json:
        printing.say_json(_document(found, updates))
    elif out is None:
        printing.say("\n".join(_text(one) for one in found), end="")
    elif not quiet:
        printing.say(f"wrote {out}")


def _together(asked: Sequence[str], of: str | None, names: Sequence[str] | None) -> None:
    """Raises UsageError for options that do not go together."""
    if len(asked) > 1:
        raise UsageError(f"{asked[0]} and {asked[1]} do not go together: each is a view of its own")
    if asked == ["--updates"] and (of is not None or names is not None):
        raise UsageError("--updates follows the loss and all parameters: it goes without --of and --wrt")
    if asked in (["--entry"], ["--paths"]) and names is not None:
        raise UsageError(f"{asked[0]} says itself by what is differentiated: it goes without --wrt")


def _text(one: Ledger | View) -> str:
    signs, width = printing.has_signs(), printing.width()
    if isinstance(one, View):
        return one.to_text(ascii=not signs, width=width)
    return one.to_text(ascii=not signs, width=width, most=MOST_LINES if printing.is_terminal() else None)


def _write(model: Model, out: str, found: Sequence[Ledger | View], updates: int | None) -> None:
    """Writes the file; its suffix says in which form."""
    target = os.path.splitext(out)[1].lower()
    if target == ".json":
        files.write_text(out, json_text(_document(found, updates)))
    elif target == ".html":
        ledgers = [one for one in found if isinstance(one, Ledger)]
        files.write_text(out, report_page(model, ledgers) if ledgers else found[0].to_html())
    elif target == ".tex":
        files.write_text(out, joined([one.to_tex() for one in found]))
    else:
        files.write_text(out, "\n".join(one.to_markdown() for one in found))


def _leaves(model: Model, of: str | None, *, training: bool) -> list[str] | None:
    """What is read out where nothing is asked for: of a node that was named, and of a loss without parameters, the inputs too."""
    built = model.built_for(training)
    below = built.graph.ancestors([model.node_of(of, training)])
    params = [name for name, p in built.params.items() if p.node is not None and below[p.node]]
    if of is None and params:
        return None
    return [*params, *(name for name, i in built.inputs.items() if below[i.node] and is_real(i.dtype))] or None


def _document(found: Sequence[Ledger | View], updates: int | None) -> Any:
    """One document; with `--updates` the list of them under `updates`."""
    if updates is None:
        return found[0].to_json()
    return {"spec": found[0].facts.spec, "updates": [one.to_json() for one in found]}
