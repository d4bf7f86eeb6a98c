"""`graphrun test`: the specs' own tests."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import Format, FormatOption, QuietOption, SetOption
from graphrun.errors import GraphrunError
from graphrun.ledger.json import json_value
from graphrun.ledger.layout import value_text
from graphrun.model import Result, load, run_expectations

__all__ = ["command"]


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Spec files, folders or globs.", show_default=False)],
    *,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Run the `expect` entries of specs.

    Each value, gradient, shape, count and metric that a spec expects is one test. Exit status 1 if one fails or a
    spec is wrong.

    \b
    Examples:
      graphrun test specs/
      graphrun test specs/ann.yaml --set "train.optimizer=sgd(lr=0.01)"
    """
    start = time.perf_counter()
    found = files.specs(paths)
    outcomes = [_outcome(path, set_ or []) for path in found]
    passed = sum(r.ok for o in outcomes for r in o[1])
    failed = sum(not r.ok for o in outcomes for r in o[1]) + sum(o[2] is not None for o in outcomes)
    if format is Format.json:
        printing.say_json(_document(outcomes, passed, failed))
    else:
        wide = max(len(path) for path in found)
        for path, results, error in outcomes:
            _print(path, results, error, wide, quiet=quiet)
        if not quiet:
            printing.say(f"{passed} passed, {failed} failed in {printing.count(len(found), 'file')} ({time.perf_counter() - start:.2f} s)")
    if failed:
        raise typer.Exit(1)


def _outcome(path: str, settings: list[str]) -> tuple[str, list[Result], GraphrunError | None]:
    """The results of one file, and the error that stopped it, if any."""
    try:
        return path, list(run_expectations(load(path, set=settings))), None
    except GraphrunError as error:
        if error.exit_status == 2:  # a `--set` that fits no spec is not the fault of this one
            raise
        return path, [], error


def _print(path: str, results: list[Result], error: GraphrunError | None, wide: int, *, quiet: bool) -> None:
    bad = [r for r in results if not r.ok]
    if error is not None:
        printing.say(f"{path:<{wide}}   failed\n")
        printing.say("\n\n".join(d.to_text() for d in error.diagnostics) + "\n")
    elif bad:
        printing.say(f"{path:<{wide}}   {len(results) - len(bad)} passed, {len(bad)} failed")
        for result in bad:
            printing.say(_failure(result))
        printing.say()
    elif not quiet:
        printing.say(f"{path:<{wide}}   " + (f"{len(results)} passed" if results else "expects nothing"))


def _failure(result: Result) -> str:
    """`  line 42: gradient of w5: expected 10, found 9, off by 1`."""
    line = f"line {result.place.line}" if result.place else f"expect {result.entry + 1}"
    off = "" if result.difference is None else f", off by {_text(result.difference)}"
    return f"  {line}: {result.kind} {result.name}: expected {_text(result.expected)}, found {_text(result.found)}{off}".replace("  :", ":")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else value_text(value)[0]


def _document(outcomes: list[tuple[str, list[Result], GraphrunError | None]], passed: int, failed: int) -> dict[str, Any]:
    results = [
        {
            "file": path,
            "line": r.place.line if r.place else 0,
            "entry": r.entry,
            "kind": r.kind,
            "name": r.name,
            "expected": json_value(r.expected),
            "found": json_value(r.found),
            "difference": json_value(r.difference),
            "ok": r.ok,
        }
        for path, rs, _ in outcomes
        for r in rs
    ]
    faults = [d for _, _, error in outcomes if error is not None for d in error.diagnostics]
    return {"files": len(outcomes), "passed": passed, "failed": failed, "results": results, "diagnostics": [d.to_json() for d in faults]}
