"""The keys of two specs that are no entries of the graph: config, functions, data, train and their like."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from difflib import SequenceMatcher
from typing import Any

from graphrun.changes.facts import SettingChange
from graphrun.changes.formulas import Text, arguments_of, read_formula
from graphrun.changes.side import Side, function_parts, plain
from graphrun.spec.models import Model

__all__ = ["changed_settings"]

_BASE = re.compile(r"[A-Za-z_]\w*")
_SECTIONS = ("name", "about", "dtype", "dims", "use", "config")
_LATER = ("data", "train", "diagram", "expect")


def changed_settings(
    before: Side, after: Side, renamed: Callable[[Text], Text], moved: Mapping[str, str] | None = None
) -> tuple[SettingChange, ...]:
    """What changed, in the order of the language. `renamed` gives a formula of the first spec in the names of the second, `moved` the new
    names of its entries: a key that only names an entry otherwise is not a change.
    """
    a, b = before.spec.model, after.spec.model
    out: list[SettingChange] = []
    for section in _SECTIONS:
        out += _compared(section, _flat(section, getattr(a, section)), _flat(section, getattr(b, section)))
    out += _functions(before, after, renamed)
    out += _optimizers(before, after)
    out += _compared("outputs", _names(a.outputs, renamed), _names(b.outputs, lambda t: t))
    out += _compared("loss", _formulas({"": a.loss}, renamed), _formulas({"": b.loss}, lambda t: t))
    out += _compared("metrics", _formulas(a.metrics, renamed), _formulas(b.metrics, lambda t: t))
    for section in _LATER:
        old = _moved_names(section, getattr(a, section), moved or {})
        one, other = _flat(section, old), _flat(section, getattr(b, section))
        if section == "data":
            _same_files(before, after, one, other)
        if section == "train":
            out += _optimizer(before, after, one, other)
        out += _rows(one, other) if section == "data" else ()
        out += _compared(section, one, other) if section != "expect" else _expectations(old, b.expect)
    return tuple(out)


Values = dict[str, Any]


def _compared(section: str, before: Values, after: Values) -> Iterable[SettingChange]:
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key), after.get(key)
        if one != other or (type(one) is not type(other) and bool in (type(one), type(other))):
            yield SettingChange(section, key, None if one is None else plain(one), None if other is None else plain(other), (one, other))


def _flat(section: str, value: Any, lead: str = "") -> Values:
    """A value's parts by dotted key: the written keys of mappings, a list as a whole."""
    out: Values = {}
    stack: list[tuple[str, Any]] = [(lead, value)]
    while stack:
        key, here = stack.pop()
        if isinstance(here, Model):
            fields = type(here).model_fields
            here = {fields[n].alias or n: getattr(here, n) for n in fields if n in here.model_fields_set}
            if not here:
                out[key] = {}
        if isinstance(here, Mapping):
            stack.extend((f"{key}.{k}" if key else k, v) for k, v in reversed(list(here.items())))
        elif here is not None and here != []:
            out[key] = _plain(here)
    return out


def _plain(value: Any) -> Any:
    """Models inside as mappings, so that JSON can hold them."""
    if isinstance(value, Model):
        return value.model_dump(mode="json", exclude_unset=True, by_alias=True)
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


_NAMED = {"data": ("columns", "transform"), "train": ("per_parameter",), "diagram": ("highlight", "label", "group")}
"""Keys under which entries are named."""


def _moved_names(section: str, value: Any, moved: Mapping[str, str]) -> Any:
    """The value with the new names of entries, where it names some."""
    if not moved or value is None:
        return value
    if isinstance(value, list):  # expect
        return [_moved_names(section, entry, moved) for entry in value]
    where = _NAMED.get(section, ("inputs", "params", "values", "gradients", "shapes"))
    return value.model_copy(update={key: _under_new_names(found, moved) for key in where if (found := getattr(value, key))})


def _under_new_names(value: Any, moved: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        return {_new_name(key, moved): inner for key, inner in value.items()}
    if isinstance(value, list):
        return [_new_name(v, moved) if isinstance(v, str) else v for v in value]
    return _new_name(value, moved) if isinstance(value, str) else value


def _new_name(name: str, moved: Mapping[str, str]) -> str:
    found = _BASE.match(name)
    return moved.get(found[0], found[0]) + name[found.end() :] if found else name


def _formulas(written: Mapping[str, Any], renamed: Callable[[Text], Text]) -> Values:
    return {key: renamed(read_formula(text)).text for key, text in written.items() if text is not None}


def _names(names: Any, renamed: Callable[[Text], Text]) -> Values:
    return {} if names is None else {"": [renamed(read_formula(name)).text for name in names]}


def _functions(before: Side, after: Side, renamed: Callable[[Text], Text]) -> Iterable[SettingChange]:
    one, other = before.spec.file.functions, after.spec.file.functions
    for name in dict.fromkeys([*one, *other]):
        if name in one and name in other:
            inner = {n for n, _ in one[name].signature.args} | {*one[name].model.params, *one[name].model.nodes, *one[name].model.state}
            left, right = function_parts(one[name]), function_parts(other[name])
            for key, text in left.items():
                if text != right.get(key) and key.startswith(("nodes.", "returns")):
                    left[key] = _outer(read_formula(text), inner, renamed)
            yield from _compared("functions", _under(name, left), _under(name, right))
        else:
            found = {name: function_head(one[name] if name in one else other[name])}
            yield from _compared("functions", found if name in one else {}, found if name in other else {})


def _outer(text: Text, inner: set[str], renamed: Callable[[Text], Text]) -> str:
    """A formula of a function's body in the new names of the graph, where it has none of its own of that name."""
    if any(name.partition(".")[0] in inner and renamed(read_formula(name)).text != name for name in text.names):
        return text.text
    return renamed(text).text


def function_head(function: Any) -> str:
    """A function on one line: its arguments and what it returns."""
    parts = function_parts(function)
    inner = ", ".join(f"{k}: {v}" for k, v in parts.items() if k not in ("arguments", "returns"))
    return f"{parts['arguments']}: {parts['returns']}" + (f" with {inner}" if inner else "")


def _under(name: str, parts: Mapping[str, str]) -> Values:
    return {f"{name}.{key}": text for key, text in parts.items()}


def _optimizers(before: Side, after: Side) -> Iterable[SettingChange]:
    def parts(side: Side) -> Values:
        return {
            f"{name}.{key}": value
            for name, optimizer in side.spec.file.optimizers.items()
            for key, value in {
                "arguments": "(" + ", ".join(n for n, _ in optimizer.signature.args) + ")",
                **_flat("", optimizer.model),
            }.items()
        }

    yield from _compared("optimizers", parts(before), parts(after))


def _optimizer(before: Side, after: Side, one: Values, other: Values) -> Iterable[SettingChange]:
    """The optimizer's call by its arguments, where both call the same one; it is taken out of what is compared as text."""
    found = arguments_of(str(one.get("optimizer", "")), before.arguments), arguments_of(str(other.get("optimizer", "")), after.arguments)
    if found[0] is None or found[1] is None or found[0][0] != found[1][0]:
        return
    one.pop("optimizer")
    other.pop("optimizer")
    name = found[0][0]
    yield from _compared("train", {f"{name} {k}": v for k, v in found[0][1].items()}, {f"{name} {k}": v for k, v in found[1][1].items()})


def _same_files(before: Side, after: Side, one: Values, other: Values) -> None:
    """Takes out what names the same files, seen from two folders."""
    for key in [key for key in one if key.partition(".")[0] == "source" and key in other]:
        if _there(before, one[key]) == _there(after, other[key]):
            del one[key], other[key]


def _there(side: Side, source: Any) -> list[str]:
    return [os.path.normpath(os.path.join(side.spec.base, path)) for path in (source if isinstance(source, list) else [source])]


def _rows(one: Values, other: Values) -> Iterable[SettingChange]:
    """The rows of the data that were taken out and put in, in place of all of them."""
    if "rows" not in one or "rows" not in other:
        return
    before, after = [plain(r) for r in one.pop("rows")], [plain(r) for r in other.pop("rows")]
    if before != after:
        removed, added = _moved(before, after)
        texts = [f"{len(rows):,} row{'' if len(rows) == 1 else 's'}" for rows in (before, after)]
        notes = [f"{n} {what}" for n, what in ((len(removed), "removed"), (len(added), "added")) if n]
        yield SettingChange("data", "rows", texts[0], f"{texts[1]} ({', '.join(notes)})", (removed, added))


def _moved(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    removed, added = [], []
    for what, i, k, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what != "equal":
            removed += before[i:k]
            added += after[m:n]
    return removed, added


def _expectations(one: list[Any], other: list[Any]) -> Iterable[SettingChange]:
    """Entries that are in both are found first, so that one put in before them changes nothing else."""
    before, after = [plain(e) for e in one], [plain(e) for e in other]
    for what, i, k, m, n in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if what == "equal":
            continue
        both = min(k - i, n - m)
        for a, b in zip(range(i, i + both), range(m, m + both), strict=True):
            yield from _compared("expect", _flat("", one[a], str(b + 1)), _flat("", other[b], str(b + 1)))
        for a in range(i + both, k):
            yield SettingChange("expect", str(a + 1), before[a], None, (_plain(one[a]), None))
        for b in range(m + both, n):
            yield SettingChange("expect", str(b + 1), None, after[b], (None, _plain(other[b])))
