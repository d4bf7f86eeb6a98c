"""The flags that several commands share, and how their values are read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from graphrun.errors import Diagnostic, UsageError

__all__ = [
    "AtOption",
    "CheckpointOption",
    "EngineOption",
    "FeedOption",
    "Format",
    "FormatOption",
    "QuietOption",
    "RowOption",
    "SetOption",
    "SpecArgument",
    "TrainingOption",
    "assignments",
    "row",
    "suffix",
]


class Format(StrEnum):
    """What is printed."""

    text = "text"
    json = "json"


SpecArgument = Annotated[str, typer.Argument(metavar="SPEC", help="A spec file.", show_default=False)]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the spec: `train.steps=10`; `config` keys need no prefix. May be given again.",
        show_default=False,
    ),
]
FormatOption = Annotated[Format, typer.Option("--format", help="What to print; with json, one document and nothing else.")]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Print only results, or what is wrong.")]
EngineOption = Annotated[str, typer.Option("--engine", metavar="NAME", help="What computes: auto, reference or python.")]
FeedOption = Annotated[
    list[str] | None,
    typer.Option("--feed", metavar="NAME=VALUE", help="Feed an input: `x=3`, `x=[1, 2]`. May be given again.", show_default=False),
]
AtOption = Annotated[
    list[str] | None,
    typer.Option(
        "--at", metavar="NAME=VALUE", help="Where: give a parameter or an input another value. May be given again.", show_default=False
    ),
]
RowOption = Annotated[
    str | None,
    typer.Option("--row", metavar="N|all", help="Which row of the data (from 1), or the mean over all.", show_default=False),
]
CheckpointOption = Annotated[
    str | None,
    typer.Option(
        "--checkpoint", metavar="FILE", help="Take the parameters from a .safetensors file or a run folder.", show_default=False
    ),
]
TrainingOption = Annotated[bool, typer.Option("--training", help="Take the graph that training steps, where `training` is true.")]

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)*")
_LEADING_ZEROS = re.compile(r"(?<![\d.eE])0+(?=\d)")


def _fault(flag: str, message: str, help: str) -> UsageError:
    return UsageError(Diagnostic("usage", f"{flag}: {message}", help=help))


def assignments(flag: str, given: Sequence[str] | None) -> dict[str, Any]:
    """Reads `NAME=VALUE` texts of a flag, where a value is a number, a nested list of numbers, `true` or `false`."""
    out: dict[str, Any] = {}
    for text in given or ():
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not _NAME.fullmatch(name):
            raise _fault(flag, f"`{text}` is not NAME=VALUE", f"write it as `{flag} x=3`")
        if name in out:
            raise _fault(flag, f"`{name}` is given twice", "give each name once")
        out[name] = _value(flag, name, value.strip())
    return out


def _value(flag: str, name: str, text: str) -> Any:
    if text in ("inf", "-inf", "nan"):
        return float(text)
    plain = re.sub(r"(?<=\d)_(?=\d)", "", text)
    plain = re.sub(r"(?<!\d)\.(?=\d)", "0.", re.sub(r"(?<=\d)\.(?!\d)", ".0", plain))
    try:
        value = json.loads(_LEADING_ZEROS.sub("", plain.replace("+", "") if plain.startswith("+") else plain))
    except ValueError:
        value = None
    if not _numbers(value):
        raise _fault(flag, f"`{text}` is not a number or a list of numbers", f"write it as `{flag} {name}=3` or `{flag} {name}='[1, 2]'`")
    return value


def _numbers(value: Any) -> bool:
    return all(_numbers(v) for v in value) if isinstance(value, list) else isinstance(value, int | float | bool)


def row(text: str | None) -> int | str | None:
    """Reads `--row`: a number from 1, or `all`."""
    if text is None or text == "all":
        return text
    if not text.isdecimal() or int(text) < 1:
        raise _fault("--row", f"`{text}` is not a row", "rows count from 1; `--row all` is the mean over all rows")
    return int(text)


def suffix(flag: str, path: str, known: Sequence[str], later: Sequence[str] = ()) -> str:
    """The suffix of an output file, which says its format. One that is not known is an error with those that are."""
    found = Path(path).suffix.lower()
    if found in known:
        return found
    listing = ", ".join(known)
    if found in later:
        raise _fault(flag, f"{found} files are not there yet in this version of graphrun", f"one of {listing}")
    raise _fault(flag, f"cannot tell the format from `{path}`", f"end the name in one of {listing}")
