"""`graphrun render`: the graph as a picture."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from graphrun.cli import files, made, printing
from graphrun.cli.made import CheckOption
from graphrun.cli.options import (
    CheckpointOption,
    Format,
    FormatOption,
    QuietOption,
    RowOption,
    SetOption,
    row,
    suffix,
)
from graphrun.errors import Diagnostic, RunError, UsageError
from graphrun.files import write_atomic
from graphrun.model import load
from graphrun.model.model import Model
from graphrun.model.picture import ALL, FORMATS, SHOW

__all__ = ["command"]

SUFFIXES = tuple(f".{f}" for f in FORMATS)
TEXTS = (".dot", ".mmd", ".tex", ".txt", ".svg")


class View(StrEnum):
    """What is drawn."""

    auto = "auto"
    steps = "steps"
    functions = "functions"
    neurons = "neurons"
    layers = "layers"
    training = "training"


class Direction(StrEnum):
    """Which way the forward pass goes."""

    LR = "LR"
    TB = "TB"


OutOption = Annotated[
    str | None,
    typer.Option(
        "-o",
        metavar="FILE",
        help="Where to: .svg, .png, .pdf, .dot, .mmd (Mermaid), .tex (TikZ) or .txt; else outputs/<name>.svg. `-` prints it as text, "
        "`-.dot`, `-.mmd`, `-.tex` and `-.svg` print that format.",
        show_default=False,
    ),
]
ViewOption = Annotated[
    View | None,
    typer.Option(
        "--view",
        help="steps: every step. functions: variables, with operations on the arrows. neurons: a weight on each arrow. layers: a box for "
        "each layer. training: forward, backward and update. auto: by size and kind.",
        show_default=False,
    ),
]
ShowOption = Annotated[
    list[str] | None,
    typer.Option("--show", metavar="LIST", help=f"What is written, separated by commas: {', '.join(SHOW)}.", show_default=False),
]
HighlightOption = Annotated[
    list[str] | None,
    typer.Option(
        "--highlight", metavar="PASS", help="Light a pass: forward:w5, backward:u3, path:w1->L. May be given again.", show_default=False
    ),
]
DepthOption = Annotated[
    str | None, typer.Option("--depth", metavar="N|all", help="How many levels of layers are opened.", show_default=False)
]
FocusOption = Annotated[
    str | None, typer.Option("--focus", metavar="NODE", help="Draw only what is near this node or layer.", show_default=False)
]
ToOption = Annotated[str | None, typer.Option("--to", metavar="NODE", help="Draw only what this node depends on.", show_default=False)]
FramesOption = Annotated[
    str | None,
    typer.Option(
        "--frames", metavar="DIR", help="Write a picture for each step of forward and backward into a folder, numbered.", show_default=False
    ),
]
LinkOption = Annotated[
    str | None,
    typer.Option("--link-base", metavar="URL", help="Where the spec's folder is on the web: boxes link to its lines.", show_default=False),
]


def command(
    context: typer.Context,
    specs: Annotated[list[str], typer.Argument(metavar="SPEC", help="A spec file; with --check, files.", show_default=False)],
    *,
    check: CheckOption = False,
    out: OutOption = None,
    view: ViewOption = None,
    show: ShowOption = None,
    highlight: HighlightOption = None,
    depth: DepthOption = None,
    focus: FocusOption = None,
    radius: Annotated[int, typer.Option("--radius", metavar="N", help="With --focus: how many arrows away.")] = 2,
    to: ToOption = None,
    row_: RowOption = None,
    direction: Annotated[
        Direction | None, typer.Option("--direction", help="LR: from left to right; TB: from top to bottom.", show_default=False)
    ] = None,
    expand: Annotated[bool, typer.Option("--expand", help="Show formulas in their primitive steps, and fold nothing.")] = False,
    bare: Annotated[bool, typer.Option("--bare", help="Without values and gradients.")] = False,
    frames: FramesOption = None,
    link_base: LinkOption = None,
    checkpoint: CheckpointOption = None,
    set_: SetOption = None,
    out_dir: Annotated[
        str | None, typer.Option("--out", metavar="DIR", help="The folder of <name>.svg where `-o` is not given.", show_default=False)
    ] = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Draw the graph of a spec.

    Values are green, gradients crimson and marked with ∂; a dashed arrow is the backward pass with the product that
    it carries. `diagram` in the spec stands in for what is not given here.

    \b
    Examples:
      graphrun render specs/neuron.yaml
      graphrun render specs/ann.yaml --view neurons --highlight forward:w5 -o ann.png
      graphrun render specs/ann.yaml --checkpoint outputs/ann -o trained.pdf
      graphrun render specs/iris.yaml --view layers --show shapes,parameters,cost -o -
      graphrun render specs/ann.yaml --to u3 --view neurons -o ann.mmd
    """
    if check:
        made.check(context, specs, quiet=quiet, as_json=format is Format.json)
    spec = made.one(specs)
    kind = None if out is None else _kind(out, as_json=format is Format.json)
    options: dict[str, Any] = {
        "view": None if view is None else view.value,
        "show": () if bare else _list(show),
        "highlight": highlight or None,
        "depth": _depth(depth),
        "focus": focus,
        "radius": radius,
        "to": to,
        "row": row(row_),
        "direction": None if direction is None else direction.value,
        "expand": expand,
        "link_base": link_base,
    }
    model = load(files.spec(spec), set=set_ or [])
    if checkpoint is not None:
        model.load_params(checkpoint)
    written: list[str] = []
    if frames is not None:
        written = model.frames(frames, format=(kind or ".svg")[1:], **options)
    if out is not None and out.startswith("-"):
        _print(model, kind or ".txt", options)
        return
    path = None
    if out is not None or frames is None:
        path = out or os.path.join(out_dir or "outputs", f"{model.name}.svg")
        _write(model, path, options)
        made.keep(context, path)
    if format is Format.json:
        printing.say_json({"spec": model.name, "out": path, **({"frames": written} if frames is not None else {})})
    elif not quiet:
        if frames is not None:
            printing.say(f"wrote {printing.count(len(written), 'picture')} to {frames}")
        if path is not None:
            printing.say(f"wrote {path}")


def _kind(out: str, *, as_json: bool) -> str:
    """The format of `-o`, as a suffix."""
    if not out.startswith("-"):
        return suffix("-o", out, SUFFIXES)
    if as_json:
        raise UsageError(Diagnostic("usage", "`-o -` prints the picture, and --format json prints a document", help="give one of the two"))
    kind = out[1:] or ".txt"
    if kind not in TEXTS:
        raise UsageError(Diagnostic("usage", f"-o: `{out}` cannot be printed", help=f"write `-`, or `-` with {', '.join(TEXTS)}"))
    return kind


def _list(given: list[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return tuple(name.strip() for text in given for name in text.split(",") if name.strip())


def _depth(text: str | None) -> int | None:
    if text is None or text == "all":
        return None if text is None else ALL
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(Diagnostic("usage", f"--depth: `{text}` is no depth", help="a whole number from 1, or `all`"))
    return int(text)


def _print(model: Model, kind: str, options: dict[str, Any]) -> None:
    """The picture on standard output."""
    text = model.draw(kind[1:], **options, width=printing.width(), ascii=not printing.has_signs()).decode()
    printing.say(text, end="")


def _write(model: Model, path: str, options: dict[str, Any]) -> None:
    """Writes the picture; where nothing can draw, the same as DOT and Mermaid, and the error says so."""
    try:
        model.render(path, **options)
    except RunError as error:
        found = error.diagnostics[0]
        if found.code != "no-graphviz":
            raise
        beside = [str(Path(path).with_suffix(kind)) for kind in (".dot", ".mmd")]
        for name in beside:
            write_atomic(Path(name), model.draw(Path(name).suffix[1:], **options))
        notes = (*found.notes, f"wrote {beside[0]} and {beside[1]} instead")
        raise RunError(Diagnostic(found.code, found.message, notes=notes, help=found.help)) from None
