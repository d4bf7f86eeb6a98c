"""`graphrun render`: the graph as a picture."""

from __future__ import annotations

import os
from enum import StrEnum
from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import (
    CheckpointOption,
    Format,
    FormatOption,
    QuietOption,
    SetOption,
    SpecArgument,
    suffix,
)
from graphrun.model import load

__all__ = ["command"]


class View(StrEnum):
    """What is drawn."""

    steps = "steps"


class Direction(StrEnum):
    """Which way the forward pass goes."""

    LR = "LR"
    TB = "TB"


def command(
    spec: SpecArgument,
    *,
    out: Annotated[
        str | None,
        typer.Option("-o", metavar="FILE", help="Where to: .svg, .png, .pdf or .dot; else outputs/<name>.svg.", show_default=False),
    ] = None,
    view: Annotated[View, typer.Option("--view", help="steps: every step with its value and gradient.")] = View.steps,
    direction: Annotated[Direction, typer.Option("--direction", help="LR: from left to right; TB: from top to bottom.")] = Direction.LR,
    expand: Annotated[bool, typer.Option("--expand", help="Show formulas in their primitive steps.")] = False,
    bare: Annotated[bool, typer.Option("--bare", help="Without values and gradients.")] = False,
    checkpoint: CheckpointOption = None,
    set_: SetOption = None,
    out_dir: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="The folder of <name>.svg where `-o` is not given.", show_default=False)
    ] = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Draw the graph of a spec.

    Values are green, gradients crimson; a dashed arrow is the backward pass with the product that it carries.

    \b
    Examples:
      graphrun render specs/neuron.yaml
      graphrun render specs/ann.yaml -o ann.png
      graphrun render specs/ann.yaml --checkpoint outputs/ann -o trained.pdf
    """
    if out is not None:
        suffix("-o", out, (".svg", ".png", ".pdf", ".dot"), later=(".mmd", ".txt", ".html"))
    model = load(files.spec(spec), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint)
    path = out or os.path.join(out_dir or "outputs", f"{model.name}.svg")
    model.render(path, view=view.value, direction=direction.value, expand=expand, show=() if bare else ("values", "gradients"))
    if format is Format.json:
        printing.say_json({"spec": model.name, "out": path})
    elif not quiet:
        printing.say(f"wrote {path}")
