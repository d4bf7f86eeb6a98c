"""`graphrun grad`: the chain-rule ledger."""

from __future__ import annotations

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
    TrainingOption,
    assignments,
    row,
    suffix,
)
from graphrun.errors import UsageError
from graphrun.ir.types import is_real
from graphrun.ledger.ledger import Ledger
from graphrun.model import Model, load

__all__ = ["command"]


def command(
    spec: SpecArgument,
    *,
    out: Annotated[str | None, typer.Option("-o", metavar="FILE", help="Write it: .md or .json.", show_default=False)] = None,
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
    expand: Annotated[bool, typer.Option("--expand", help="Show formulas in their primitive steps.")] = False,
    training: TrainingOption = False,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Work out every derivative step by step, as on paper.

    First the forward steps with their values, then the backward steps from right to left, each as symbols and as
    numbers. Then each gradient is tried out, one update is made, and the work is counted.

    \b
    Examples:
      graphrun grad specs/neuron.yaml
      graphrun grad specs/neuron.yaml --at w=3 --at b=0
      graphrun grad specs/ann.yaml --row 2
      graphrun grad specs/ann.yaml --of u3 --wrt w5,u1
      graphrun grad specs/ann.yaml --updates 3
      graphrun grad specs/larger.yaml --expand -o ledger.md
    """
    target = None if out is None else suffix("-o", out, (".md", ".json"), later=(".tex", ".html"))
    model = load(files.spec(spec), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint)
    where = {**assignments("--feed", feed), **assignments("--at", at)}
    names = [name.strip() for text in wrt or () for name in text.split(",") if name.strip()] or None
    if of is not None and names is None and format is Format.text and target != ".json":
        names = _leaves(model, of, training=training)
    if updates is None:
        ledgers = [model.ledger(of=of, wrt=names, row=row(row_), at=where, expand=expand, training=training)]
    else:
        if of is not None or names is not None:
            raise UsageError("--updates follows the loss and all parameters: it goes without --of and --wrt")
        ledgers = model.ledgers(updates, row=row(row_), at=where, expand=expand)
    if out is not None:
        if target == ".json":
            files.write_json(out, _document(ledgers, updates))
        else:
            files.write_text(out, "\n".join(ledger.to_markdown() for ledger in ledgers))
    if format is Format.json:
        printing.say_json(_document(ledgers, updates))
    elif out is None:
        signs = printing.has_signs()
        printing.say("\n".join(ledger.to_text(ascii=not signs, width=printing.width()) for ledger in ledgers), end="")
    elif not quiet:
        printing.say(f"wrote {out}")


def _leaves(model: Model, of: str, *, training: bool) -> list[str]:
    """The parameters and inputs that a node depends on: what is read out where it is named and nothing else is asked for."""
    built = model.built_for(training)
    below = built.graph.ancestors([model.node_of(of, training)])
    params = [name for name, p in built.params.items() if p.node is not None and below[p.node]]
    return params + [name for name, i in built.inputs.items() if below[i.node] and is_real(i.dtype)]


def _document(ledgers: list[Ledger], updates: int | None) -> Any:
    """One ledger's document; with `--updates` the list of them under `updates`."""
    if updates is None:
        return ledgers[0].to_json()
    return {"spec": ledgers[0].facts.spec, "updates": [ledger.to_json() for ledger in ledgers]}
