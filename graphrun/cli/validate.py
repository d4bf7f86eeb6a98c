"""`graphrun validate`: every fault of every spec, without running anything. Must import neither NumPy nor rich."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

import typer

from graphrun import model
from graphrun.cli import files, printing
from graphrun.cli.baseline import without_baseline, write_baseline
from graphrun.cli.changed import changed_since
from graphrun.cli.formats import FORMATS
from graphrun.cli.many import validate_all
from graphrun.cli.mend import mend
from graphrun.cli.options import QuietOption, SetOption
from graphrun.errors import Diagnostic, UsageError, sort_diagnostics

__all__ = ["command"]


class Format(StrEnum):
    """How faults are told."""

    auto = "auto"
    text = "text"
    json = "json"
    github = "github"
    sarif = "sarif"
    junit = "junit"
    gitlab = "gitlab"


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Spec files, folders or globs.", show_default=False)],
    *,
    set_: SetOption = None,
    format: Annotated[
        Format, typer.Option("--format", help="How to tell it. auto: text, or annotations where GitHub runs it.")
    ] = Format.auto,
    out: Annotated[str | None, typer.Option("-o", metavar="FILE", help="Write the report to a file.", show_default=False)] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Take warnings for errors.")] = False,
    max_errors: Annotated[
        int | None, typer.Option("--max-errors", metavar="N", min=1, help="Print the first N faults; all are counted.", show_default=False)
    ] = None,
    baseline: Annotated[
        str | None, typer.Option("--baseline", metavar="FILE", help="Leave out the faults that this file adopts.", show_default=False)
    ] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="Write what is found now to the baseline, so that only new faults are told.")
    ] = False,
    since: Annotated[
        str | None,
        typer.Option("--changed-since", metavar="REF", help="Only what changed since a git revision.", show_default=False),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Check every file, changed or not.")] = False,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended in one certain way, in place; then check.")] = False,
    smoke: Annotated[
        bool, typer.Option("--smoke", help="Then one forward, backward and update of each on synthetic data; the data set is not read.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Check specs without running them.

    Every fault is told at once, each with its place, what was expected and a way to mend it. A folder means
    every .yaml and .yml file below it. Exit status 1 if anything is wrong; warnings alone leave it 0.

    \b
    Examples:
      graphrun validate specs/ann.yaml
      graphrun validate specs/ "drafts/*.yaml" --strict
      graphrun validate specs/ --format sarif -o found.sarif
      graphrun validate specs/net.yaml --fix
      graphrun validate specs/ --baseline known.json
      graphrun validate specs/ --changed-since main
      graphrun validate specs/iris.yaml --set hidden=64
      graphrun validate specs/ --smoke
    """
    start = time.perf_counter()
    if update_baseline and baseline is None:
        raise UsageError("--update-baseline needs the file to write: --baseline FILE")
    named = files.specs(paths)
    if since is not None:
        named = changed_since(since, named)
    if fix:
        mended = {path: n for path in named if (n := mend(path))}
        for path, n in mended.items():
            printing.note(f"mended {printing.count(n, 'fault')} in {path}")
    found = validate_all(named, set_ or [], cache=not no_cache)
    if smoke:
        found = {path: [*d, *(model.smoke_test(path, set_ or []) if _sound(d) else ())] for path, d in found.items()}
    found = _told_once(found)
    if strict:
        found = {path: [replace(d, severity="error") for d in diagnostics] for path, diagnostics in found.items()}
    if update_baseline and baseline is not None:
        printing.say(f"wrote {baseline}, which adopts {printing.count(write_baseline(baseline, found), 'fault')}")
        return
    adopted = 0
    if baseline is not None:
        found, adopted = without_baseline(baseline, found)
    _tell(found, _chosen(format), out, max_errors, quiet, _summary(found, adopted, time.perf_counter() - start))
    if any(d.severity == "error" for diagnostics in found.values() for d in diagnostics):
        raise typer.Exit(1)


def _sound(found: Sequence[Diagnostic]) -> bool:
    return all(d.severity != "error" for d in found)


def _told_once(found: Mapping[str, Sequence[Diagnostic]]) -> dict[str, list[Diagnostic]]:
    """What was found, where a fault in a file that several specs use is told once: with that file, or with the first of its users."""
    own = {os.path.normpath(path): path for path in found}
    out: dict[str, list[Diagnostic]] = {path: [] for path in found}
    seen: set[tuple[object, ...]] = set()
    for path, diagnostics in found.items():
        for d in diagnostics:
            name = os.path.normpath(d.place.source.name) if d.place is not None else path
            key = (name, d.code, d.message, *((d.place.line, d.place.column, d.place.end_line, d.place.end_column) if d.place else ()))
            if key not in seen:
                seen.add(key)
                out[own.get(name, path)].append(d)
    return {path: sort_diagnostics(told) for path, told in out.items()}


def _chosen(format: Format) -> Format:
    if format is not Format.auto:
        return format
    return Format.github if os.environ.get("GITHUB_ACTIONS") == "true" else Format.text


def _tell(
    found: Mapping[str, Sequence[Diagnostic]], format: Format, out: str | None, most: int | None, quiet: bool, summary: str
) -> None:
    everything = [d for diagnostics in found.values() for d in diagnostics]
    if format is Format.json:
        document = printing.diagnostics_json(everything, len(found))
        if out is None:
            printing.say_json(document)
        else:
            files.write_json(out, document)
        return
    if format is not Format.text:
        text = FORMATS[format](found)
        if out is not None:
            files.write_text(out, text)
        else:
            printing.say(text, end="")
        if format is Format.github or out is not None:
            printing.note(summary)
        return
    shown = [d for d in everything if not quiet or d.severity == "error"]
    parts = [printing.diagnostic(d, colour=out is None) + "\n" for d in shown[:most]]
    if most is not None and len(shown) > most:
        parts.append(f"and {len(shown) - most:,} more (--max-errors {most})")
    if not quiet:
        parts.append(summary)
    if out is not None:
        files.write_text(out, "".join(part + "\n" for part in parts))
    else:
        for part in parts:
            printing.say(part)


def _summary(found: Mapping[str, Sequence[Diagnostic]], adopted: int, seconds: float) -> str:
    errors = sum(d.severity == "error" for diagnostics in found.values() for d in diagnostics)
    warnings = sum(d.severity == "warning" for diagnostics in found.values() for d in diagnostics)
    touched = sum(bool(diagnostics) for diagnostics in found.values())
    counts = [printing.count(n, what) for n, what in ((errors, "error"), (warnings, "warning")) if n]
    total = printing.count(len(found), "file")
    more = f", {adopted:,} adopted by the baseline" if adopted else ""
    if not counts:
        return f"nothing wrong in {total}{more} ({seconds:.2f} s)"
    where = total if len(found) == 1 else f"{touched} of {total}"
    first = next(d.code for diagnostics in found.values() for d in diagnostics if d.severity == "error" or not errors)
    return f"{' and '.join(counts)} in {where}{more} ({seconds:.2f} s)        graphrun explain {first} tells more"
