"""`graphrun worksheet`: the ledger with blanks, a different one for each student, and the marking of a filled-in one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import AtOption, Format, FormatOption, QuietOption, RowOption, SetOption, SpecArgument, assignments, row, suffix
from graphrun.errors import Diagnostic, Reporter, Source, SpecError, UsageError
from graphrun.ir.formula import number
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.worksheet import Mark, answers_text, key_text, mark, sheet_text
from graphrun.model import Model, load
from graphrun.model.worksheets import variant
from graphrun.spec.yaml import read_yaml

__all__ = ["command"]

PARTS = ("forward", "backward", "update")
HEAD = ("spec", "sheet", "seed", "row")


def command(
    spec: SpecArgument,
    *,
    out: Annotated[str | None, typer.Option("-o", metavar="FILE", help="Write the sheet: .md.", show_default=False)] = None,
    variants: Annotated[
        int, typer.Option("--variants", metavar="N", min=0, help="N sheets with numbers of their own, FILE-1.md to FILE-N.md.")
    ] = 0,
    seed: Annotated[int, typer.Option("--seed", metavar="S", min=0, help="The variants follow from it.")] = 0,
    key: Annotated[bool, typer.Option("--key", help="Print the solution in place of the sheet.")] = False,
    check: Annotated[
        str | None, typer.Option("--check", metavar="ANSWERS", help="Mark a filled-in file of answers (.yaml).", show_default=False)
    ] = None,
    at: AtOption = None,
    row_: RowOption = None,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Write the ledger with blanks, or mark a filled-in one.

    With `-o sheet.md`, the solution is written to sheet-key.md and a file of answers to fill in to sheet.yaml; with
    `--variants`, one of each sheet, and one key for all. `--check` says which answers are right, and names the mistake
    at those that are not: a sign, a missing factor, a missed path. It ends with status 1 where one is wrong.

    \b
    Examples:
      graphrun worksheet specs/neuron.yaml
      graphrun worksheet specs/ann.yaml -o sheet.md --variants 30 --seed 1
      graphrun worksheet specs/ann.yaml --check sheet-7.yaml
    """
    model = load(files.spec(spec), set=set_ or [])
    where = assignments("--at", at)
    if check is not None:
        _check(model, check, where, row_, format, quiet=quiet)
        return
    if out is None:
        if variants:
            raise UsageError("--variants writes many sheets, and needs to know where to: -o sheet.md")
        ledger = variant(model, 0, seed, row(row_), where)
        printing.say(_sheet(model, ledger, 0, seed, key=key), end="")
        return
    suffix("-o", out, (".md",))
    stem = out.removesuffix(Path(out).suffix)
    numbers = range(1, variants + 1) if variants else (0,)
    ledgers = {k: variant(model, k, seed, row(row_), where) for k in numbers}  # all of them before the first is written
    for k, ledger in ledgers.items():
        name = f"{stem}-{k}" if k else stem
        files.write_text(f"{name}.md", _sheet(model, ledger, k, seed, key=False))
        files.write_text(f"{name}.yaml", answers_text(ledger, _head(model, k, seed, row_)))
    files.write_text(f"{stem}-key.md", "\n".join(_sheet(model, ledger, k, seed, key=True) for k, ledger in ledgers.items()))
    if not quiet:
        last = f" to {stem}-{variants}.md" if variants > 1 else ""
        first = f"{stem}-1.md" if variants else f"{stem}.md"
        printing.say(f"wrote {first}{last}, the answers to fill in (.yaml), and the key {stem}-key.md")


def _head(model: Model, k: int, seed: int, row_: str | None) -> dict[str, Any]:
    return {"spec": model.name, "sheet": k, "seed": seed, **({"row": row_} if row_ is not None else {})}


def _sheet(model: Model, ledger: Ledger, k: int, seed: int, *, key: bool) -> str:
    title = f"{model.name}" + (f", sheet {k}" if k else "") + (", key" if key else "")
    note = f"Seed {seed}." if k else ""
    return key_text(ledger, title, note) if key else sheet_text(ledger, title, note)


# -- marking -----------------------------------------------------------------------------------------------------------


def _check(model: Model, path: str, where: dict[str, Any], row_: str | None, format: Format, *, quiet: bool) -> None:
    head, answers = _answers(path)
    if head.get("spec") not in (None, model.name):
        raise UsageError(f"{path} answers a sheet of `{head['spec']}`, and the spec is `{model.name}`")
    ledger = variant(model, int(head.get("sheet") or 0), int(head.get("seed") or 0), row(row_ or head.get("row")), where)
    marks = mark(ledger, answers)
    right = sum(m.right for m in marks)
    if format is Format.json:
        printing.say_json({"spec": model.name, "sheet": head.get("sheet") or 0, "right": right, "of": len(marks), "marks": [_json(m) for m in marks]})
    else:
        _tell(ledger, marks, quiet=quiet)
        printing.say(f"{right} of {len(marks)} right" + (f", {n} more right by the answers before" if (n := sum(m.follows for m in marks)) else ""))
    if right < len(marks):
        raise typer.Exit(1)


def _tell(ledger: Ledger, marks: list[Mark], *, quiet: bool) -> None:
    wide = max((len(_name(ledger, m)) for m in marks), default=0)
    part = ""
    for m in marks:
        if quiet and m.right:
            continue
        if m.blank.part != part:
            part = m.blank.part
            printing.say(part.upper())
        said = "right" if m.right else m.mistake or "wrong"
        answer = "–" if m.answer is None else number(m.answer)
        shown = "" if m.right or m.answer is None else f" (it is {number(m.blank.value)})"
        printing.say(f"  {'✓' if m.right else '~' if m.follows else '✗'} {_name(ledger, m):<{wide}} = {answer:<8} {said}{shown}")
    printing.say()


def _name(ledger: Ledger, m: Mark) -> str:
    return f"∂{ledger.of}/∂{m.blank.name}" if m.blank.part == "backward" else m.blank.name


def _json(m: Mark) -> dict[str, Any]:
    b = m.blank
    return {"part": b.part, "name": b.name, "answer": m.answer, "expected": b.value, "right": m.right, "follows": m.follows, "mistake": m.mistake}


def _answers(path: str) -> tuple[dict[str, Any], dict[str, dict[str, float | None]]]:
    """What a file of answers says: which sheet, and part → name → number. Raises SpecError with all faults."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise UsageError(Diagnostic("no-such-file", f"{path} cannot be read as a file of answers")) from None
    reporter = Reporter()
    document = read_yaml(Source(path, _with_blanks(text)), reporter)
    reporter.raise_errors()
    data = document.value if document is not None else None
    if document is None or not isinstance(data, dict):
        raise SpecError(f"{path} is not a file of answers")
    for part, found in data.items():
        known = (*PARTS, *HEAD)
        if part not in known:
            reporter.error("unknown-key", f"`{part}` is not a part of a file of answers", document.places.key((part,)), help=f"its parts are {', '.join(known)}")
            continue
        if part in HEAD:
            continue
        if not isinstance(found, dict):
            reporter.error("wrong-type", f"`{part}` is a mapping name → number", document.places.value((part,)))
            continue
        for name, value in found.items():
            if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value)) and value != BLANK:
                reporter.error("wrong-type", f"the answer for `{name}` is a number, not `{value}`", document.places.value((part, name)))
    reporter.raise_errors()
    answers = {
        part: {name: None if value == BLANK else float(value) for name, value in data.get(part, {}).items()} for part in PARTS if data.get(part)
    }
    return {k: data[k] for k in HEAD if k in data}, answers


BLANK = "?"


def _with_blanks(text: str) -> str:
    """The text with `?` where a line ends after its name, so that what is left empty can be told from what is missing."""
    lines = []
    for line in text.split("\n"):
        bare = line.partition("#")[0].rstrip()
        lines.append(f'{bare} "{BLANK}"' if bare.startswith(" ") and bare.endswith(":") else line)
    return "\n".join(lines)
