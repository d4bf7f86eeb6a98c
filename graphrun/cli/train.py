"""`graphrun train`: trains a spec and writes its run folder."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import CheckpointOption, EngineOption, Format, FormatOption, QuietOption, SetOption, SpecArgument
from graphrun.ledger.json import json_value
from graphrun.model import load
from graphrun.train.trace import NonFinite

__all__ = ["command"]


def command(
    spec: SpecArgument,
    *,
    out: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="The run folder; outputs/<name> where not given.", show_default=False)
    ] = None,
    engine: EngineOption = "auto",
    checkpoint: CheckpointOption = None,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Train a spec; write the run folder.

    The run folder holds the trained parameters, the history of the loss, the resolved spec, the picture and the ledger of
    derivatives at the start. It appears whole when the run is done; Ctrl-C ends the run and keeps what was reached.

    \b
    Examples:
      graphrun train specs/ann.yaml
      graphrun train specs/iris.yaml --set hidden=16 --set train.epochs=10
      graphrun train specs/xor.yaml --set train.seed=3 --out outputs/xor-3
    """
    model = load(files.spec(spec), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint)
    screen = printing.stream() if format is Format.text else None
    try:
        run = model.train(engine=engine, out=out or os.path.join("outputs", model.name), screen=screen, quiet=quiet)
    except NonFinite as error:
        printing.report_error(error, as_json=False)
        if format is Format.json:
            printing.say_json({"spec": model.name, **error.to_json(), **printing.diagnostics_json(error.diagnostics)})
        raise typer.Exit(error.exit_status) from None
    if quiet or format is Format.json:
        for warning in run.warnings:
            printing.note(warning.to_text())
    if format is Format.json:
        printing.say_json(
            {
                "spec": model.name,
                "steps": run.steps,
                "loss": run.loss,
                "metrics": {name: float(value) for name, value in run.metrics.items()},
                "params": {name: json_value(value) for name, value in run.params.items()},
                "out": os.fspath(run.out) if run.out is not None else None,
            }
        )
    if run.interrupted:
        raise typer.Exit(130)
