"""Checks plain values against the models, and says what is wrong in our words, at the place where it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from graphrun.errors import Reporter, certain, nearest
from graphrun.spec.kinds import LIST, MAPPING, OTHER
from graphrun.spec.models import Model, SpecModel
from graphrun.spec.places import Path, PlaceTable
from graphrun.spec.yaml import BROKEN

__all__ = ["check_model", "check_spec", "described", "field_of", "keys_at", "models_in", "shown", "without_broken"]

M = TypeVar("M", bound=Model)
_TAGS = frozenset({MAPPING, LIST, OTHER})
# A key → what it is called elsewhere.
_ELSEWHERE = {
    "params": ("parameters", "weights", "variables"), "nodes": ("layers", "graph", "model", "architecture", "network"),
    "loss": ("objective", "cost", "criterion"), "data": ("dataset",), "train": ("training", "fit"), "inputs": ("placeholders",),
    "config": ("constants", "hyperparameters", "variables", "vars"), "use": ("import", "imports", "include"), "expect": ("tests", "test"),
    "about": ("description",), "batch": ("batch_size", "batchsize", "minibatch"), "steps": ("iterations", "max_steps", "num_steps"),
    "epochs": ("num_epochs", "max_epochs"), "valid": ("validation", "val", "dev"), "init": ("initializer", "value", "initial"),
    "trainable": ("requires_grad",), "source": ("path", "file", "files"), "early_stop": ("early_stopping", "patience"),
    "graphrun": ("version",), "returns": ("output", "outputs"), "clip": ("grad_clip", "gradient_clip", "max_norm"),
}  # fmt: skip
_DTYPES = {
    "int": "int64", "long": "int64", "integer": "int64", "int32": "int64", "float": "float32", "double": "float64", "boolean": "bool",
    "half": "float32", "torch.long": "int64", "torch.int64": "int64", "torch.float32": "float32", "torch.float": "float32",
}  # fmt: skip
_YES = {"yes": "true", "y": "true", "on": "true", "no": "false", "n": "false", "off": "false"}


def without_broken(value: Any) -> Any:
    """`value` without the entries that could not be read."""
    if isinstance(value, dict):
        return {k: without_broken(v) for k, v in value.items() if v is not BROKEN}
    if isinstance(value, list):
        return [without_broken(v) for v in value if v is not BROKEN]
    return value


def check_model(
    model: type[M], data: Any, places: PlaceTable, reporter: Reporter, lost: list[Path] | None = None, *, whole: bool = True
) -> M | None:
    """`data` as `model`; faults go to `reporter`, what is wrong is left out, and where that stood is added to `lost`.

    None where nothing is left. Where data are not `whole`, missing keys are not told.
    """
    first = True
    while True:
        try:
            made = model.model_validate(data)
        except ValidationError as error:
            faults = error.errors(include_url=False)
        else:
            return made
        unknown = {_path(f["loc"])[:-1] for f in faults if f["type"] == "extra_forbidden"}
        cut: set[Path] = set()
        for fault in faults:
            path = _path(fault["loc"])
            lacking = fault["type"] == "missing"
            if first and not (lacking and (not whole or path[:-1] in unknown)):
                _Fault(model, path, fault["type"], fault.get("ctx", {}).get("expected", ""), fault["input"]).tell(places, reporter)
            cut.add(_cut(path[:-1] if lacking else path))
            if path and lost is not None:
                lost.append(path)
        if () in cut:
            return None
        for path in cut:
            data = _without(data, path)
        first = False


def _path(loc: tuple[int | str, ...]) -> Path:
    return tuple(part for part in loc if part not in _TAGS)


def _cut(path: Path) -> Path:
    """What is left out with the value at `path`, so that nothing is judged that lacks a part."""
    if path[:2] in {("data", "rows"), ("data", "source")}:
        return path[:1]
    return path[:2] if path[:1] == ("expect",) else path


def _without(data: Any, path: Path, *, top: bool = True) -> Any:
    """A copy of `data` without the entry at `path`; a list without an entry is left out as a whole."""
    if isinstance(data, dict):
        key = str(path[0])
        if key not in data:
            return data
        if len(path) > 1 and isinstance(data[key], dict):
            return {**data, key: _without(data[key], path[1:], top=False)}
        if top and key == "expect" and len(path) == 2 and isinstance(data[key], list):  # an empty one: the others keep their numbers
            return {**data, key: [v if k != path[1] else {} for k, v in enumerate(data[key])]}
        return {k: v for k, v in data.items() if k != key}
    return data


# -- in words -----------------------------------------------------------------------------------------------------------------


def shown(path: Path) -> str:
    """`train.steps`, in back quotes; an entry of a list is `entry 2 of ...`."""
    if not path:
        return "the spec"
    if isinstance(path[-1], int):
        return f"entry {path[-1] + 1} of {shown(path[:-1])}"
    at = max((k + 1 for k, part in enumerate(path) if isinstance(part, int)), default=0)
    name = f"`{'.'.join(map(str, path[at:]))}`"
    return f"{name} in {shown(path[:at])}" if at else name


def described(value: Any) -> str:
    """A value in a few words."""
    match value:
        case bool():
            return f"`{str(value).lower()}`"
        case int() | float():
            return f"`{value}`"
        case str():
            return f"the text `{value}`" if len(value) <= 40 and value.isprintable() else f"the text `{value[:39]}…`"
        case None:
            return "nothing"
        case list():
            return "a list" if value else "an empty list"
        case _:
            return "a mapping"


def models_in(annotation: Any) -> list[type[Model]]:
    """The models that an annotation names, at its top."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation] if issubclass(annotation, Model) else []
    if getattr(annotation, "__origin__", None) in {dict, list, tuple}:
        return []
    return [found for part in get_args(annotation) for found in models_in(part)]


def field_of(model: type[Model], key: str) -> Any:
    """The field that is written as `key`, or None."""
    for name, info in model.model_fields.items():
        if (info.alias or name) == key:
            return info
    return None


def _keys(model: type[Model]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def keys_at(path: Path) -> dict[str, str]:
    """The keys that the mapping at `path` of a spec may have, each with its description; nothing where any name may stand."""
    model = _model_at(SpecModel, path) if path else SpecModel
    if model is None:
        return {}
    return {info.alias or name: info.description or "" for name, info in model.model_fields.items()}


def _model_at(root: type[Model], path: Path) -> type[Model] | None:
    """The model of the mapping at `path`."""
    kinds: list[Any] = [root]
    for part in path:
        inside: list[Any] = []
        for kind in kinds:
            for model in models_in(kind):
                info = field_of(model, str(part))
                if info is not None:
                    inside.append(info.annotation)
            inside.extend(_element(kind))
        kinds = inside
    return next((m for kind in kinds for m in models_in(kind)), None)


def _element(annotation: Any) -> Iterable[Any]:
    """What a mapping or list holds, by its annotation."""
    origin = getattr(annotation, "__origin__", None)
    if origin is dict:
        yield get_args(annotation)[1]
    elif origin is list:
        yield get_args(annotation)[0]
    else:
        for part in get_args(annotation):
            yield from _element(part)


class _Fault:
    """A fault that pydantic found."""

    def __init__(self, model: type[Model], path: Path, kind: str, expected: str, value: Any) -> None:
        self.model, self.path, self.kind, self.expected, self.value = model, path, kind, expected, value

    def tell(self, places: PlaceTable, reporter: Reporter) -> None:
        """Adds the fault to `reporter`."""
        path = self.path
        name = str(path[-1]) if path else ""
        parent = path[:-1]
        if self.kind == "extra_forbidden":
            keys = _keys(_model_at(self.model, parent) or self.model)
            message = f"`{name}` is not a key of {shown(parent) if parent else 'a spec'}"
            mend = _suggestion(name, keys)
            if not parent and isinstance(self.value, str) and mend.startswith("its keys") and self.model is SpecModel:
                mend = f"a node stands under `nodes`, and is indented as the others there: `  {name}: {self.value}`"
            fix = certain(name, keys) if mend.startswith("did you mean") else None
            reporter.error("unknown-key", message, places.key(path), help=mend, fix=fix)
        elif self.kind == "missing":
            mend = f"add `{name}: {self._example()}`"
            reporter.error("missing-key", f"{shown(parent)} has no `{name}`", places.key(parent), help=mend)
        elif self.kind == "literal_error":
            choices = re.findall(r"'([^']*)'", self.expected)
            listed = ", ".join(f"`{c}`" for c in choices[:-1]) + f" or `{choices[-1]}`"
            close = nearest(self.value, choices) if isinstance(self.value, str) else None
            if name == "dtype" and isinstance(self.value, str):
                close = _DTYPES.get(self.value.lower(), close)
                close = close if close in choices else None
            message = f"{shown(path)} is {listed}, not {described(self.value)}"
            reporter.error("wrong-value", message, places.value(path), help=f"did you mean `{close}`?" if close else None, fix=close)
        else:
            code = "out-of-range" if self.kind == "out_of_range" else "wrong-type"
            message = f"{shown(path)} is {self._wanted()}, not {self._found()}"
            found = self._mend(places.raw(path))
            reporter.error(code, message, places.value(path), help=found, fix=self._fix(found, places.raw(path)))

    def _found(self) -> str:
        return "a list with other values in it" if self.kind == "wrong_entries" else described(self.value)

    def _example(self) -> str:
        info = field_of(_model_at(self.model, self.path[:-1]) or self.model, str(self.path[-1]))
        examples = info.examples if info is not None else None
        return str(examples[0]) if examples else "…"

    def _wanted(self) -> str:
        if self.expected:
            return self.expected
        if self.kind in {"list_type", "tuple_type"}:
            return "a list"
        model = _model_at(self.model, self.path) if self.kind in {"model_type", "dict_type"} else None
        return f"a mapping with {', '.join(f'`{k}`' for k in _keys(model))}" if model is not None else "a mapping name → value"

    def _fix(self, mend: str | None, raw: str) -> str | None:
        """What to write in place of the value, where the help is a line or a value that does it."""
        if mend is None or not mend.startswith(("write `", "quote ")) or "\n" in raw:
            return None
        text = mend[mend.index("`") + 1 : mend.rindex("`")]
        return text.removeprefix(f"{self.path[-1]}: ")

    def _mend(self, raw: str) -> str | None:
        """A way to mend a value of the wrong type."""
        value, wanted = self.value, self._wanted()
        name = self.path[-1] if self.path else ""
        plain = raw if raw and "\n" not in raw and len(raw) < 60 else ""
        if self.path[0] == "inputs":
            if len(self.path) == 1 and isinstance(value, list) and value and all(isinstance(v, str) and v.isidentifier() for v in value):
                return f"give each a value, `{{}}` where it is fed: `inputs: {{{', '.join(f'{v}: {{}}' for v in value)}}}`"
            if len(self.path) == 2 and isinstance(value, list) and plain:
                return f"a shape stands under its key: `{name}: {{shape: {plain}}}`"
            if len(self.path) == 2 and value in ("int64", "float32", "float64", "bool"):
                return f"a dtype stands under its key: `{name}: {{dtype: {value}}}`"
            if name == "shape" and value == "batch":
                return "write `shape: [batch]`"
            if len(self.path) == 4 and self.path[2] == "shape" and value == -1:
                return "write the number, or the name of a dimension: `batch` for the rows"
        if self.path[:2] == ("train", "optimizer") and isinstance(value, dict):
            call = str(value.get("name", value.get("type", "adam")))
            rest = [f"{k}={v}" for k, v in value.items() if k not in ("name", "type") and isinstance(v, int | float | str)]
            return f"it is a call: `optimizer: {call.lower()}({', '.join(rest)})`"
        if self.path[:2] == ("data", "classes") and isinstance(value, dict):
            return f"write them in the order of their indices: `{name}: [{', '.join(map(str, value))}]`"
        if name == "stratify" and isinstance(value, bool):
            return "name the column whose values every split is to have alike, or take it out"
        if isinstance(value, float) and value.is_integer() and "whole number" in wanted:
            return f"write `{value:.0f}`"
        if isinstance(value, str):
            if "number" in wanted and re.fullmatch(r"[−–]\s?[\d.]+", value):
                return f"the sign is no minus sign (U+{ord(value[0]):04X}): write `-{value[1:].strip()}`"
            if "`true`" in wanted and value.lower() in _YES:
                return f"write `{_YES[value.lower()]}`"
            if "number" in wanted and re.fullmatch(r"[-+]?[\d_]+(\.[\d_]*)?", value, re.ASCII):
                return f"write `{value.replace('_', '')}`"
            if self.path[0] == "params" and len(self.path) == 2:
                plain = value if not set(value) & set(",[]{}:#") else f'"{value}"'
                sizes = "[3, 2]" if re.match(r"(he|glorot|lecun|orthogonal)", value) else "[]"
                return f"an initial value that is computed has a shape beside it: `{name}: {{shape: {sizes}, init: {plain}}}`"
            share = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", value, re.ASCII)
            if share is not None:
                return f"write `{float(share[1]) / 100:g}`"
            entry = re.fullmatch(r"([A-Za-z_]\w*)(?:\s*[:=]\s*|\s+)(\S.*)", value, re.ASCII)
            if wanted.startswith("a mapping name") and entry is not None:
                return f"write an entry with a colon and a space: `{entry[1]}: {entry[2]}`"
        if self.path[0] == "nodes" and isinstance(value, dict) and name in SpecModel.model_fields:
            return f"`{name}` stands at the beginning of a line"
        if self.kind == "wrong_shape" and isinstance(value, int | str):
            return f"write `{name}: [{value}]`"
        if wanted.startswith("a formula") and isinstance(value, dict) and raw and "\n" not in raw and raw[:1] not in "{[":
            return f'quote the formula: `{name}: "{raw}"`'
        if wanted.startswith("a list of") and isinstance(value, str) and "," not in value:
            return f"write `{name}: [{value}]`"
        if self.path[:2] == ("data", "rows") and wanted == "a list of cells" and isinstance(value, bool | int | float | str):
            return f"write `[{raw or value}]`: a row is a list, with one cell for each column"
        if wanted in {"a text", "a text, or a list of texts"} and isinstance(value, bool | int | float):
            head = f"{name}: " if isinstance(name, str) else ""
            return f'quote it: `{head}"{raw or value}"`'
        return None


def _suggestion(name: str, keys: list[str]) -> str:
    close = nearest(name, keys)
    homes = [
        section for section, info in SpecModel.model_fields.items() for m in models_in(info.annotation) if field_of(m, name) is not None
    ]
    if close is not None and not homes:
        return f"did you mean `{close}`?"
    if name in ("lr", "learning_rate") and "optimizer" in keys:
        return "it is an argument of the optimizer: `optimizer: sgd(lr=0.1)`"
    known = next((k for k in keys if name.lower() in _ELSEWHERE.get(k, ())), None)
    if known is not None:
        return f"that is `{known}` here"
    if homes:
        return f"`{name}` stands under `{homes[0]}`"
    if name in SpecModel.model_fields:
        return f"`{name}` stands at the beginning of a line"
    return f"its keys are {', '.join(f'`{k}`' for k in keys)}"


def is_plain_number(value: Any) -> bool:
    """Whether `value` is a number and no boolean."""
    return value.__class__ is float or value.__class__ is int


def check_spec(
    data: Mapping[str, Any], places: PlaceTable, reporter: Reporter, lost: list[Path] | None = None, *, whole: bool = True
) -> SpecModel | None:
    """A whole spec, as `check_model` does it.

    Plain numbers among inputs and parameters, of which there may be very many, do not pass through pydantic.
    """
    sections = {
        name: section
        for name in ("inputs", "params")
        if isinstance(section := data.get(name), dict) and len(section) > 16 and any(map(is_plain_number, section.values()))
    }
    few = {**data, **{n: {k: v for k, v in s.items() if not is_plain_number(v)} for n, s in sections.items()}}
    made = check_model(SpecModel, few, places, reporter, lost, whole=whole)
    if made is None or not sections:
        return made
    merged = {}
    for name, section in sections.items():
        checked = getattr(made, name)
        merged[name] = {k: v if is_plain_number(v) else checked[k] for k, v in section.items() if is_plain_number(v) or k in checked}
    return made.model_copy(update=merged)
