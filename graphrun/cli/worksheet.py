"""`graphrun worksheet`: the ledger with blanks, a different one for each student, and the marking of a filled-in one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from graphrun.cli import files, printing
from graphrun.cli.options import AtOption, Format, FormatOption, QuietOption, RowOption, SetOption, SpecArgument, assignments, row, suffix
from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.formula import number
from graphrun.ledger.ledger import Ledger
from graphrun.ledger.marking import Mark
from graphrun.ledger.text import filled
from graphrun.ledger.worksheet import answers_text, blanks, sheet_text
from graphrun.model import Model, load
from graphrun.model.answers import checked_names, read_answers
from graphrun.model.worksheets import marked, variant

__all__ = ["command"]


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
        if out is not None or variants or key:
            raise UsageError(Diagnostic("usage", "--check marks answers, and writes no sheet", help="leave out -o, --variants and --key"))
        _check(model, check, where, row_, format, quiet=quiet)
        return
    if format is Format.json:
        raise UsageError(Diagnostic("usage", "--format json is how marks are told, and nothing is marked", help="add --check answers.yaml"))
    if out is None:
        if variants:
            message = "--variants writes many sheets, and needs to know where to"
            raise UsageError(Diagnostic("usage", message, help="add -o sheet.md"))
        printing.say(_sheet(model, variant(model, 0, seed, row(row_), where), 0, seed, key=key), end="")
        return
    suffix("-o", out, (".md",))
    stem = out.removesuffix(Path(out).suffix)
    numbers = range(1, variants + 1) if variants else (0,)
    ledgers = {k: variant(model, k, seed, row(row_), where) for k in numbers}  # all of them before the first is written
    for k, ledger in ledgers.items():
        name = f"{stem}-{k}" if k else stem
        files.write_text(f"{name}.md", _sheet(model, ledger, k, seed, key=False))
        files.write_text(f"{name}.yaml", answers_text(ledger, _head(model, k, seed, row(row_), where)))
    files.write_text(f"{stem}-key.md", "\n".join(_sheet(model, ledger, k, seed, key=True) for k, ledger in ledgers.items()))
    if not quiet:
        last = f" to {stem}-{variants}.md" if variants > 1 else ""
        first = f"{stem}-1.md" if variants else f"{stem}.md"
        printing.say(f"wrote {first}{last}, beside each a file of answers to fill in (.yaml), and the key {stem}-key.md")


def _head(model: Model, k: int, seed: int, row: int | str | None, where: dict[str, Any]) -> dict[str, Any]:
    """What says which sheet a file of answers belongs to."""
    wanted = {"sheet": k or None, "seed": seed if k else None, "row": row, "at": where or None}
    return {"spec": model.name, **{name: value for name, value in wanted.items() if value is not None}}


def _sheet(model: Model, ledger: Ledger, k: int, seed: int, *, key: bool) -> str:
    title = f"{model.name}{f', sheet {k}' if k else ''}{': key' if key else ''}"
    return sheet_text(ledger, title, note=f"The numbers are those of seed {seed}." if k else "", key=key)


# -- marking -----------------------------------------------------------------------------------------------------------


def _check(model: Model, path: str, where: dict[str, Any], row_: str | None, format: Format, *, quiet: bool) -> None:
    file = read_answers(path)
    if file.spec not in (None, model.name):
        message = f"{path} answers a sheet of `{file.spec}`, and the spec is `{model.name}`"
        raise UsageError(Diagnostic("usage", message, help="name the spec that the sheet was made from"))
    ledger = variant(model, file.sheet, file.seed, row(row_) if row_ is not None else file.row, {**file.at, **where})
    checked_names(file, blanks(ledger))
    marks = marked(ledger, file.answers)
    right, follows = sum(m.right for m in marks), sum(m.follows for m in marks)
    if format is Format.json:
        said = [_json(m) for m in marks]
        printing.say_json({"spec": model.name, "sheet": file.sheet, "right": right, "follows": follows, "of": len(marks), "marks": said})
    else:
        _tell(marks, quiet=quiet)
        more = f", {follows} more right by wrong answers above them" if follows else ""
        printing.say(f"{right} of {len(marks)} right{more}")
    if right < len(marks):
        raise typer.Exit(1)


def _tell(marks: list[Mark], *, quiet: bool) -> None:
    """A line for each answer, under the heads of the parts; with `quiet` only for those that are not right."""
    names = max((len(m.blank.symbol) for m in marks), default=0)
    answers = max((len(_answer(m)) for m in marks), default=0)
    part = ""
    for m in marks:
        if quiet and m.right:
            continue
        if m.blank.part != part:
            printing.say(f"{'' if not part else chr(10)}{m.blank.part.upper()}")
            part = m.blank.part
        wrong = m.mistake or ("wrong" if m.answer is not None else "")
        said = "right" if m.right else f"{wrong}; it is {number(m.blank.value)}" if wrong else "not answered"
        line = f"  {m.blank.symbol:<{names}} {'= ' if m.answer is not None else '  '}{_answer(m):<{answers}}   "
        first, *rest = filled(said.split(" "), max(printing.width() - len(line), 24), " ")
        printing.say("\n".join([line + first, *(" " * len(line) + text for text in rest)]))
    if part:
        printing.say()


def _answer(m: Mark) -> str:
    return "" if m.answer is None else number(m.answer)


def _json(m: Mark) -> dict[str, Any]:
    b = m.blank
    said = {"answer": m.answer, "expected": b.value, "right": m.right, "follows": m.follows, "mistake": m.mistake or None}
    return {"part": b.part, "name": b.name, **said}
