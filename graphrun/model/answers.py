"""Reads a file of answers to a worksheet."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphrun.errors import Diagnostic, Reporter, Source, SpecError, UsageError, nearest
from graphrun.ledger.marking import Answers
from graphrun.ledger.worksheet import PARTS, Blank
from graphrun.spec.yaml import BROKEN, Document, read_yaml

__all__ = ["AnswerFile", "checked_names", "read_answers"]

HEAD = ("spec", "sheet", "seed", "row", "at")
_FRACTION = re.compile(r"([-+]?\d+(?:\.\d*)?)\s*/\s*(\d+(?:\.\d*)?)")
_COMMA = re.compile(r"[-+]?\d+,\d+")


@dataclass(frozen=True, slots=True)
class AnswerFile:
    """What a file of answers says: which sheet it belongs to, and the answers."""

    spec: str | None
    sheet: int
    seed: int
    row: int | str | None
    at: Mapping[str, float]
    answers: Answers
    document: Document


def read_answers(path: str) -> AnswerFile:
    """Reads a file of answers. Raises UsageError where there is none, SpecError with all its faults."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except OSError:
        raise UsageError(Diagnostic("no-such-file", f"{path} cannot be read")) from None
    except UnicodeDecodeError:
        raise SpecError(Diagnostic("malformed-yaml", f"{path} is not a text in UTF-8")) from None
    reporter = Reporter()
    document = read_yaml(Source(path, text), reporter)
    # An answer that is left empty is no fault.
    reporter.diagnostics[:] = [d for d in reporter.diagnostics if d.code != "missing-value"]
    reporter.raise_errors()
    data = document.value if document is not None else None
    if document is None or not isinstance(data, dict):
        mend = "`graphrun worksheet SPEC -o sheet.md` writes one"
        raise SpecError(Diagnostic("wrong-type", f"{path} is not a file of answers", help=mend))
    for key in data:
        if key not in (*HEAD, *PARTS):
            near = nearest(key, (*HEAD, *PARTS))
            mend = f"did you mean `{near}`?" if near else f"its keys are {', '.join((*HEAD, *PARTS))}"
            reporter.error("unknown-key", f"`{key}` is not a key of a file of answers", document.places.key((key,)), help=mend)
    answers: dict[str, Mapping[str, float | None]] = {part: _part(document, part, data.get(part), reporter) for part in PARTS}
    head = {key: _head(document, key, data.get(key), reporter) for key in HEAD}
    reporter.raise_errors()
    return AnswerFile(head["spec"], head["sheet"] or 0, head["seed"] or 0, head["row"], head["at"] or {}, answers, document)


def _head(document: Document, key: str, value: Any, reporter: Reporter) -> Any:
    if value is None or value is BROKEN:
        return None
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    right, wanted = {
        "spec": (isinstance(value, str), "the name of a spec"),
        "row": (value == "all" or (whole and value > 0), "the number of a row, from 1"),
        "at": (isinstance(value, dict) and all(_number(v) is not None for v in value.values()), "a mapping name → number"),
    }.get(key, (whole, "a whole number"))
    if not right:
        reporter.error("wrong-type", f"`{key}` is {wanted}", document.places.value((key,)))
        return None
    return {name: _number(v) for name, v in value.items()} if key == "at" else value


def _part(document: Document, part: str, found: Any, reporter: Reporter) -> dict[str, float | None]:
    if found is None or found is BROKEN:
        return {}
    if not isinstance(found, dict):
        reporter.error("wrong-type", f"`{part}` is a mapping name → number", document.places.value((part,)))
        return {}
    out: dict[str, float | None] = {}
    for name, value in found.items():
        out[name] = None if value is BROKEN else _number(value)
        if value is not BROKEN and out[name] is None:
            comma = isinstance(value, str) and _COMMA.fullmatch(value)
            mend = f"write it with a point: {str(value).replace(',', '.')}" if comma else "write a number, such as -4, 0.5 or 1/2"
            reporter.error("wrong-type", f"the answer for `{name}` is not a number", document.places.value((part, name)), help=mend)
    return out


def _number(value: Any) -> float | None:
    """A number, also as a fraction or with a typographic minus; None where it is none."""
    if isinstance(value, str):
        text = value.replace("−", "-").strip()
        fraction = _FRACTION.fullmatch(text)
        try:
            value = float(fraction[1]) / float(fraction[2]) if fraction else float(text) if "_" not in text else None
        except (ValueError, ZeroDivisionError):
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if math.isfinite(value) else None
    except OverflowError:
        return None


def checked_names(file: AnswerFile, blanks: Sequence[Blank]) -> None:
    """Raises SpecError where an answer has a name that the sheet does not."""
    reporter = Reporter()
    for part, answers in file.answers.items():
        names = [blank.name for blank in blanks if blank.part == part]
        for name in answers:
            if name not in names:
                near = nearest(name, names)
                mend = f"did you mean `{near}`?" if near else f"its names are {', '.join(names)}" if names else "take it out"
                place = file.document.places.key((part, name))
                reporter.error("unknown-name", f"the sheet asks for no `{name}` in `{part}`", place, help=mend)
    reporter.raise_errors()
