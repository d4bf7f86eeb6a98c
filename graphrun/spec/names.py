"""The rules for names: how they are written, which are reserved, and that none is given twice."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from keyword import kwlist

from graphrun.errors import Reporter
from graphrun.spec.lost import Lost
from graphrun.spec.models import FunctionModel, SpecModel
from graphrun.spec.places import Path, PlaceTable

__all__ = ["check_function_names", "check_names", "check_optimizer_names", "is_name", "proposal"]

# What a formula says by itself, and so no value can be called.
RESERVED = frozenset({*kwlist, "true", "false", "none", "batch", "training", "step", "steps"})
_SECTIONS = ("inputs", "params", "state", "config", "nodes")
_ONE = {"inputs": "input", "params": "parameter", "state": "state", "config": "constant", "nodes": "node", "dims": "dimension"}
_GIVEN = ("param", "grad", "step", "steps")  # what an optimizer's formulas see


def is_name(text: str) -> bool:
    """Whether `text` is written as a name: letters, digits and `_`, no digit first."""
    return text.isidentifier() and text.isascii()


def proposal(text: str) -> str:
    """A name like `text` that may be used."""
    text = "".join(_latin(c) for c in text)
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    name = re.sub(r"\W+", "_", plain, flags=re.ASCII).strip("_") or "x"
    if name[0].isdigit():
        name = f"_{name}"
    return f"{name}_" if name in RESERVED or name == "T" else name


def _meant(text: str) -> set[str]:
    """The names that formulas may use for what `text` stands for: `u1` for `u-1` or `1u`, `hidden` for `hidden 8`."""
    plain = re.sub(r"\W+", "", text, flags=re.ASCII)
    digits = re.match(r"\d+", plain)
    turned = [plain[digits.end() :], plain[digits.end() :] + digits[0]] if digits else []
    return {proposal(text), plain, *turned, *re.findall(r"[A-Za-z_]\w*", text, re.ASCII)}


def _latin(char: str) -> str:
    """`beta` for `β`."""
    name = unicodedata.name(char, "") if not char.isascii() else ""
    return name.rsplit(" ", 1)[-1].lower() if name.startswith("GREEK SMALL LETTER") and " WITH " not in name else char


def check_names(model: SpecModel, places: PlaceTable, reporter: Reporter, lost: Lost) -> None:
    """Checks the names of a spec; those that are not good are lost."""
    if model.name is not None and not is_name(model.name):
        reporter.error("bad-name", f"`{model.name}` is not a name", places.value(("name",)), help=f"write `{proposal(model.name)}`")
    dims: dict[str, Path] = {}
    for k, dim in enumerate(model.dims):
        if dim == "batch":
            mend = "leave it out of `dims`"
            reporter.error("reserved-name", "the dimension `batch` is always there", places.value(("dims", k)), help=mend)
        elif _well_named(dim, places, ("dims", k), reporter, key=False) and dim in dims:
            _twice(dim, ("dims", k), dims[dim], places, reporter, key=False)
        dims.setdefault(dim, ("dims", k))
    seen: dict[str, str] = {}
    for section in _SECTIONS:
        for name in getattr(model, section):
            if name in RESERVED or name in dims or not (name.isidentifier() and name.isascii()):
                _well_named(name, places, (section, name), reporter, dims)
                if name != "batch":
                    lost.names |= {name, *_meant(name)} - {"batch"}
            elif name in seen:
                _twice(name, (section, name), (seen[name], name), places, reporter)
                lost.names.add(name)
            else:
                seen[name] = section
    for name in model.metrics:
        _well_named(name, places, ("metrics", name), reporter)
        if name == "loss":
            mend = "leave it out, or give the metric another name"
            reporter.error("reserved-name", "the loss is measured beside the metrics", places.key(("metrics", name)), help=mend)


def check_function_names(
    model: FunctionModel, path: Path, args: Iterable[str], dims: Iterable[str], places: PlaceTable, reporter: Reporter
) -> set[str]:
    """Checks the names inside of a function; those that are not good."""
    lost: set[str] = set()
    reserved = frozenset((*dims, "T"))
    seen: dict[str, Path] = {}
    for arg in args:
        if not _well_named(arg, places, path, reporter, reserved, word=arg):
            lost.add(arg)
        seen[arg] = path
    for section in ("params", "state", "nodes"):
        for name in getattr(model, section):
            here = (*path, section, name)
            if not _well_named(name, places, here, reporter, reserved):
                lost.add(name)
                continue
            if name in seen:
                _twice(name, here, seen[name], places, reporter, argument=seen[name] == path)
                lost.add(name)
            seen.setdefault(name, here)
    return lost


def check_optimizer_names(
    sections: Iterable[tuple[str, Iterable[str]]], path: Path, args: Iterable[str], places: PlaceTable, reporter: Reporter
) -> bool:
    """Checks the names inside of an optimizer; whether they are good."""
    before = len(reporter.errors)
    seen: dict[str, Path] = {}
    for arg in args:
        _well_named(arg, places, path, reporter, _GIVEN, word=arg)
        seen[arg] = path
    for section, names in sections:
        for name in names:
            here = (*path, section, name)
            if not _well_named(name, places, here, reporter, _GIVEN):
                continue
            if name in seen:
                _twice(name, here, seen[name], places, reporter, argument=seen[name] == path)
            seen.setdefault(name, here)
    return len(reporter.errors) == before


def _well_named(
    name: str,
    places: PlaceTable,
    path: Path,
    reporter: Reporter,
    reserved: Iterable[str] = (),
    *,
    key: bool = True,
    word: str | None = None,
) -> bool:
    if is_name(name) and name not in RESERVED and name not in reserved:
        return True
    if not key:
        place = places.value(path)
    elif word is None:
        place = places.key(path)
    else:  # an argument in a function's head
        found = re.search(rf"[(,]\s*({re.escape(word)})\b", str(path[-1]))
        place = places.within_key(path, *found.span(1)) if found else places.key(path)
    if not is_name(name):
        notes = ("names are made of the letters A to Z and a to z, digits and `_`, and begin with no digit",)
        reporter.error("bad-name", f"`{name}` is not a name", place, notes=notes, help=f"write `{proposal(name)}`")
    else:
        what = "is the name of a dimension" if name in reserved and name not in {"T", *_GIVEN} and name not in RESERVED else "is reserved"
        reporter.error("reserved-name", f"`{name}` {what}", place, help=f"another name, such as `{proposal(name).rstrip('_')}_`")
    return False


def _twice(name: str, here: Path, first: Path, places: PlaceTable, reporter: Reporter, *, key: bool = True, argument: bool = False) -> None:
    place = places.key(here) if key else places.value(here)
    before = places.key(first)
    what = "argument" if argument else _ONE.get(str(first[-2]), "entry")
    notes = (f"`{name}` is {'an' if what[0] in 'aei' else 'a'} {what}, line {before.line}",)
    reporter.error("duplicate-name", f"the name `{name}` is given twice", place, notes=notes, help="give one of them another name")
