"""`graphrun hash`: a hash of what a spec means, whatever its comments, layout and order of keys."""

from __future__ import annotations

from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import Format, FormatOption, SetOption
from graphrun.errors import Reporter
from graphrun.model.opening import open_spec
from graphrun.spec.meaning import spec_hash

__all__ = ["command"]


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Spec files, folders or globs.", show_default=False)],
    *,
    set_: SetOption = None,
    format: FormatOption = Format.text,
) -> None:
    """Print a hash of what each spec means.

    It is the same whatever the comments, the layout, the order of keys and the brackets that say nothing; it changes
    where the graph, the data or the training does. `name`, `about`, `diagram`, `expect` and `train.log` are left out.

    \b
    Examples:
      graphrun hash specs/ann.yaml
      graphrun hash specs/
    """
    hashes = {}
    faults = Reporter()
    for path in files.specs(paths):
        spec, reporter = open_spec(path, set_ or [])
        faults.diagnostics += reporter.errors
        if not reporter.errors:
            hashes[path] = spec_hash(spec)
    faults.raise_errors()
    if format is Format.json:
        printing.say_json({"hashes": hashes})
    else:
        for path, found in hashes.items():
            printing.say(f"{found}  {path}")
