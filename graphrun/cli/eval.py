"""`graphrun eval`: loss and metrics on a split."""

from __future__ import annotations

from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import CheckpointOption, Format, FormatOption, QuietOption, SetOption, SpecArgument
from graphrun.cli.values import table
from graphrun.ledger.json import json_value
from graphrun.model import load

__all__ = ["command"]


def command(
    spec: SpecArgument,
    *,
    checkpoint: CheckpointOption = None,
    split: Annotated[
        str | None,
        typer.Option("--split", metavar="NAME", help="train, valid or test; else the last of them that has rows.", show_default=False),
    ] = None,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Measure the loss and the metrics on a split of the data.

    With the parameters of `--checkpoint`, or the initial ones. A run with `train.ema` is measured with the averages of its
    parameters. All rows of the split are one batch, and `training` is false.

    \b
    Examples:
      graphrun eval specs/iris.yaml --checkpoint outputs/iris
      graphrun eval specs/iris.yaml --checkpoint outputs/iris --split train
    """
    model = load(files.spec(spec), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint, averages=True)
    found = model.evaluate(split)
    if format is Format.json:
        document = {"spec": model.name, "split": found.split, "rows": found.rows, "loss": json_value(found.loss)}
        printing.say_json({**document, "metrics": {name: json_value(value) for name, value in found.metrics.items()}})
        return
    if not quiet:
        over = f"{printing.count(found.rows, f'{found.split} row')}" if found.split is not None else "the defaults of the inputs"
        printing.say(f"{model.name}   over {over}" + (f", with the parameters of {checkpoint}" if checkpoint is not None else ""))
    measured = {**({"loss": found.loss} if found.loss is not None else {}), **found.metrics}
    printing.say("\n".join(table(measured)))
