"""`graphrun test`: the specs' own tests."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from graphrun.cli import files, printing
from graphrun.cli.edits import edited
from graphrun.cli.formats import tests_junit
from graphrun.cli.options import QuietOption, SetOption
from graphrun.errors import GraphrunError, Place
from graphrun.ledger.json import json_value
from graphrun.ledger.layout import value_text
from graphrun.ledger.text import filled
from graphrun.model import Result, load, run_expectations
from graphrun.spec.spec import Spec

__all__ = ["command"]


FIRST = "    first here: "


class Format(StrEnum):
    """How results are told."""

    text = "text"
    json = "json"
    junit = "junit"


def command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Spec files, folders or globs.", show_default=False)],
    *,
    set_: SetOption = None,
    format: Annotated[Format, typer.Option("--format", help="What to print; json and junit are one document.")] = Format.text,
    out: Annotated[str | None, typer.Option("-o", metavar="FILE", help="Write it to a file.", show_default=False)] = None,
    update: Annotated[bool, typer.Option("--update", help="Write what is found in place of what is expected and does not hold.")] = False,
    quiet: QuietOption = False,
) -> None:
    """Run the `expect` entries of specs.

    Each value, gradient, shape, count and metric that a spec expects is one test. Exit status 1 if one fails or a
    spec is wrong. With --update the values found are written into the specs, comments and layout kept; bounds
    (`">= 0.9"`) are not touched.

    \b
    Examples:
      graphrun test specs/
      graphrun test specs/ --format junit -o found.xml
      graphrun test specs/ann.yaml --set "train.optimizer=sgd(lr=0.01)"
    """
    start = time.perf_counter()
    found = files.specs(paths)
    outcomes = [_outcome(path, set_ or []) for path in found]
    if update:
        outcomes = [_outcome(o[0], set_ or []) if _updated(*o[:2], set_ or []) else o for o in outcomes]
    passed = sum(r.ok for o in outcomes for r in o[1])
    failed = sum(not r.ok for o in outcomes for r in o[1]) + sum(o[2] is not None for o in outcomes)
    if format is Format.json:
        document = _document(outcomes, passed, failed)
        printing.say_json(document) if out is None else files.write_json(out, document)
    elif format is Format.junit:
        cases = [(path, [(_title(r), None if r.ok else _failure(r)) for r in results], error) for path, results, error in outcomes]
        text = tests_junit(cases)
        printing.say(text, end="") if out is None else files.write_text(out, text)
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
        if error.exit_status == 2 and os.path.exists(path):  # a `--set` that fits no spec is not the fault of this one
            raise
        return path, [], error


def _updated(path: str, results: list[Result], settings: list[str]) -> bool:
    """Writes found values into a spec; whether there were any to write."""
    found = [(r, new) for r in results if not r.ok and (new := _written(r)) is not None]
    if not found:
        return False
    spec = load(path, set=settings).spec
    changes = [change for r, new in found for change in _changes(r, new, spec)]
    raw = Path(path).read_bytes().decode("utf-8")
    mark = "\ufeff" if raw.startswith("\ufeff") else ""
    text, count = edited(raw.removeprefix(mark), changes)
    files.write_bytes(path, (mark + text).encode())
    printing.note(f"wrote {printing.count(min(count, len(found)), 'value')} into {path}")
    return True


def _changes(result: Result, new: Any, spec: Spec) -> Iterator[tuple[Place, str]]:
    """What to write where: of a list that stays as long as it is, each number in its own place, so that comments between them stay."""
    if isinstance(new, list) and np.shape(new) == np.shape(result.expected):
        for index in np.ndindex(np.shape(new)):
            value = new
            for k in index:
                value = value[k]
            yield spec.value("expect", result.entry, result.kind, result.name, *index), _spelt(value)
    else:
        yield result.written, new if isinstance(new, str) else _spelt(new)


def _written(result: Result) -> Any:
    """What is found, as a text or as numbers; None for a bound, and for what is not finite."""
    if result.kind == "metrics" and isinstance(result.expected, str):
        return None
    if isinstance(result.found, str):
        return result.found
    value = json_value(_short(result.found))
    return None if _has_texts(value) else value


def _short(found: Any) -> Any:
    """A float32 array as the reals with the fewest digits that are the same in float32."""
    array = np.asarray(found)
    return array.astype(str).astype(np.float64) if array.dtype == np.float32 else found


def _has_texts(value: Any) -> bool:
    return any(map(_has_texts, value)) if isinstance(value, list) else isinstance(value, str | dict)


def _spelt(value: Any) -> str:
    """A number or a nested list as YAML; a whole number without its point."""
    if isinstance(value, list):
        return f"[{', '.join(map(_spelt, value))}]"
    return str(int(value)) if isinstance(value, float) and value.is_integer() and math.fabs(value) < 1e15 else repr(value)


def _title(result: Result) -> str:
    return f"expect {result.entry + 1}: {_name(result)}"


def _name(result: Result) -> str:
    return f"{result.kind} {result.name}" if result.name != result.kind else result.kind


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
    """`  line 42: gradients w5: expected 10, found 9, off by 1`, and below it the step where they part."""
    line = f"line {result.place.line}" if result.place else f"expect {result.entry + 1}"
    off = "" if result.difference is None else f", off by {_text(result.difference)}"
    if off and result.at is not None and np.size(result.expected) > 1:
        want, have = np.asarray(result.expected)[result.at], np.asarray(result.found)[result.at]
        off += f" at {list(result.at)}: {_text(want)} expected, {_text(have)} found"
    told = f"  {line}: {_name(result)}: expected {_text(result.expected)}, found {_text(result.found)}{off}"
    if result.step is None:
        return told
    first, *more = result.step.split(" = ")
    lines = filled([first, *(f"= {part}" for part in more)], printing.width() - len(FIRST), " ")
    return "\n".join([told, FIRST + lines[0], *(" " * len(FIRST) + line for line in lines[1:])])


def _text(value: Any) -> str:
    return value if isinstance(value, str) else value_text(np.asarray(value))[0]


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
            "at": None if r.at is None or r.ok else list(r.at),
            "step": r.step,
        }
        for path, rs, _ in outcomes
        for r in rs
    ]
    faults = [d for _, _, error in outcomes if error is not None for d in error.diagnostics]
    return {"files": len(outcomes), "passed": passed, "failed": failed, "results": results, "diagnostics": [d.to_json() for d in faults]}
