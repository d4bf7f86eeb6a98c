"""`graphrun validate`: every fault of every spec, without running anything. Must import neither NumPy nor rich."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import Format, FormatOption, QuietOption, SetOption
from graphrun.errors import Diagnostic
from graphrun.model.validation import validate

__all__ = ["command"]


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Spec files, folders or globs.", show_default=False)],
    *,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Check specs without running them.

    Every fault is told at once, each with its place, what was expected and a way to mend it. A folder means
    every .yaml and .yml file below it. Exit status 1 if anything is wrong; warnings alone leave it 0.

    \b
    Examples:
      graphrun validate specs/ann.yaml
      graphrun validate specs/ "drafts/*.yaml"
      graphrun validate specs/iris.yaml --set hidden=64
    """
    start = time.perf_counter()
    found: dict[str, list[Diagnostic]] = {path: validate(path, set_ or []) for path in files.specs(paths)}
    everything = [d for diagnostics in found.values() for d in diagnostics]
    if format is Format.json:
        printing.say_json(printing.diagnostics_json(everything, len(found)))
    else:
        for diagnostic in everything:
            if not quiet or diagnostic.severity == "error":
                printing.say(diagnostic.to_text() + "\n")
        if not quiet:
            printing.say(_summary(found, time.perf_counter() - start))
    if any(d.severity == "error" for d in everything):
        raise typer.Exit(1)


def _summary(found: dict[str, list[Diagnostic]], seconds: float) -> str:
    errors = sum(d.severity == "error" for diagnostics in found.values() for d in diagnostics)
    warnings = sum(d.severity == "warning" for diagnostics in found.values() for d in diagnostics)
    touched = sum(bool(diagnostics) for diagnostics in found.values())
    counts = [printing.count(n, what) for n, what in ((errors, "error"), (warnings, "warning")) if n]
    total = printing.count(len(found), "file")
    if not counts:
        return f"nothing wrong in {total} ({seconds:.2f} s)"
    where = total if len(found) == 1 else f"{touched} of {total}"
    return f"{' and '.join(counts)} in {where} ({seconds:.2f} s)"
