"""Functions and optimizers of a spec file: their heads, and what `use` brings in from other files."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from graphrun.errors import Reporter
from graphrun.expr.parse import FormulaError, parse_signature
from graphrun.expr.tree import Signature
from graphrun.spec.lost import Lost
from graphrun.spec.models import FunctionModel, SpecModel
from graphrun.spec.names import check_function_names, check_optimizer_names
from graphrun.spec.places import PlaceTable
from graphrun.spec.spec import File, Function, Optimizer

__all__ = ["bring", "own_functions"]

Entry = TypeVar("Entry", Function, Optimizer)


def own_functions(model: SpecModel, places: PlaceTable, reporter: Reporter, lost: Lost) -> File:
    """A file with its own functions and optimizers; those whose heads or names are not good are lost."""
    functions: dict[str, Function] = {}
    optimizers: dict[str, Optimizer] = {}
    file = File(places, functions, optimizers, lost)
    for head, entry in model.functions.items():
        signature = _signature(head, "functions", functions, places, reporter)
        if signature is None:
            lost.functions |= _head_name(head)
            continue
        body = isinstance(entry, FunctionModel)
        made = entry if isinstance(entry, FunctionModel) else FunctionModel.model_construct(_fields_set={"returns"}, returns=entry)
        path = ("functions", head)
        functions[signature.name] = Function(signature, made, path, file, body)
        strange = check_function_names(made, path, (name for name, _ in signature.args), model.dims, places, reporter)
        if strange:
            lost.inside(head, strange)
    for head, optimizer in model.optimizers.items():
        signature = _signature(head, "optimizers", optimizers, places, reporter)
        if signature is None:
            lost.optimizers |= _head_name(head)
            continue
        path = ("optimizers", head)
        optimizers[signature.name] = Optimizer(signature, optimizer, path, file)
        sections = (("state", optimizer.state), ("nodes", optimizer.nodes))
        if not check_optimizer_names(sections, path, (name for name, _ in signature.args), places, reporter):
            lost.optimizers.add(signature.name)
    return file


def _head_name(head: str) -> set[str]:
    """The name that a head with a fault begins with."""
    return set(re.findall(r"[A-Za-z_]\w*", head, re.ASCII)[:1])


def _signature(head: str, section: str, known: Mapping[str, Any], places: PlaceTable, reporter: Reporter) -> Signature | None:
    path = (section, head)
    try:
        signature = parse_signature(head)
    except FormulaError as error:
        place = places.within_key(path, error.start, error.end)
        reporter.error(error.code, error.message, place, notes=error.notes, help=error.help)
        return None
    first = known.get(signature.name)
    if first is not None:
        what = "function" if section == "functions" else "optimizer"
        where = places.key(first.path)
        at = head.index(signature.name)
        place = places.within_key(path, at, at + len(signature.name))
        notes = (f"first on line {where.line}: `{first.path[-1]}`",)
        reporter.error(
            "duplicate-name", f"the {what} `{signature.name}` is given twice", place, notes=notes, help="give one of them another name"
        )
        return None
    return signature


def bring(
    uses: Iterable[str], base: str, file: File, places: PlaceTable, reporter: Reporter, load: Callable[[str, int], File | None]
) -> None:
    """Adds to `file` what its `use` brings in; `load` reads a file by path. What cannot be read is lost.

    A used file brings its own functions and optimizers. What its own `use` brings is seen by its functions alone.
    """
    origin: dict[tuple[str, str], str] = {}
    seen: set[str] = set()
    for k, written in enumerate(uses):
        path = os.path.normpath(os.path.join(base, written))
        if path in seen:
            reporter.error("duplicate-name", f"`{written}` is named twice in `use`", places.value(("use", k)), help="take one out")
            continue
        seen.add(path)
        brought = load(path, k)
        if brought is None:
            file.lost.any_function = True
            continue
        file.lost.include(brought.lost)
        for section, mine, theirs in (
            ("function", file.functions, brought.functions),
            ("optimizer", file.optimizers, brought.optimizers),
        ):
            for name, entry in theirs.items():
                if entry.file is brought and not _add(mine, name, entry, section, written, k, origin, places, reporter):
                    (file.lost.functions if section == "function" else file.lost.optimizers).add(name)


def _add(
    mine: Any,
    name: str,
    entry: Any,
    section: str,
    written: str,
    k: int,
    origin: dict[tuple[str, str], str],
    places: PlaceTable,
    reporter: Reporter,
) -> bool:
    before = mine.get(name)
    if before is None:
        mine[name] = entry
        origin[section, name] = written
        return True
    by = origin.get((section, name))
    first = f"brought by `{by}`" if by is not None else f"this file's own, line {places.key(before.path).line}"
    message = f"`{written}` brings the {section} `{name}`, which is there already"
    reporter.error(
        "duplicate-name", message, places.value(("use", k)), notes=(f"the first `{name}` is {first}",), help=f"rename one {section}"
    )
    return False
