"""Rules between the keys of one section, and names of `config` where `data` and `train` want a number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphrun.errors import Reporter
from graphrun.spec.check import field_of, is_plain_number, models_in
from graphrun.spec.lost import Lost
from graphrun.spec.models import ClipModel, DataModel, FunctionModel, InputModel, Model, ParamModel, SpecModel, StateModel, TrainModel
from graphrun.spec.places import Path, PlaceTable
from graphrun.spec.settings import accepts

__all__ = ["check_lists", "check_rules", "fill_numbers"]


def fill_numbers(data: dict[str, Any]) -> dict[str, Any]:
    """`data` with names of numbers in `config` replaced where `data` and `train` take a number and no text."""
    config = data.get("config")
    if not isinstance(config, dict):
        return data
    numbers = {k: v for k, v in config.items() if is_plain_number(v)}
    out = data
    for section, model in (("data", DataModel), ("train", TrainModel)):
        if isinstance(data.get(section), dict) and numbers:
            out = {**out, section: _filled(model, data[section], numbers)}
    return out


def _filled(model: type[Model], section: Mapping[str, Any], numbers: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(section)
    for key, value in section.items():
        info = field_of(model, key)
        if info is None:
            continue
        if isinstance(value, str) and value in numbers:
            wanted = accepts([info.annotation])
            if "number" in wanted and "text" not in wanted:
                out[key] = numbers[value]
        elif isinstance(value, dict):
            for inner in models_in(info.annotation):
                out[key] = _filled(inner, value, numbers)
    return out


def check_rules(model: SpecModel, places: PlaceTable, reporter: Reporter) -> None:
    """Tells keys that exclude each other and keys that lack one another."""
    train = model.train
    if train is not None:
        if train.steps is not None and train.epochs is not None:
            first, second = sorted(("steps", "epochs"), key=lambda k: (places.key(("train", k)).line, places.key(("train", k)).column))
            message = f"`train` has both `{first}` and `{second}`"
            reporter.error(
                "conflicting-keys", message, places.key(("train", second)), help="keep one: updates, or passes over the training rows"
            )
        if isinstance(train.clip, ClipModel):
            if train.clip.norm is not None and train.clip.value is not None:
                place = places.key(("train", "clip", "value"))
                reporter.error("conflicting-keys", "`train.clip` has both `norm` and `value`", place, help="keep one of them")
            elif train.clip.norm is None and train.clip.value is None:
                reporter.error(
                    "missing-key", "`train.clip` has neither `norm` nor `value`", places.key(("train", "clip")), help="add `norm: 1.0`"
                )
    split = model.data.split if model.data is not None else None
    if split is not None and split.by is not None:
        others = [k for k in ("train", "valid", "test", "seed", "stratify") if k in split.model_fields_set]
        if others:
            message = f"`by` says where each row goes, so `{others[0]}` has nothing to say"
            reporter.error("conflicting-keys", message, places.key(("data", "split", others[0])), help="keep one of them")


def check_lists(model: SpecModel, places: PlaceTable, reporter: Reporter, lost: Lost) -> None:
    """Tells lists of numbers whose rows have different lengths; what they stand for is lost."""
    for section, entries in (("inputs", model.inputs), ("params", model.params), ("state", model.state)):
        for name, entry in entries.items():
            if entry.__class__ is not float and entry.__class__ is not int and _ragged(entry, (section, name), places, reporter):
                lost.names.add(name)
    for head, function in model.functions.items():
        for name, entry in function.params.items() if isinstance(function, FunctionModel) else ():
            if _ragged(entry, ("functions", head, "params", name), places, reporter):
                lost.inside(head, [name])


def _ragged(entry: Any, path: Path, places: PlaceTable, reporter: Reporter) -> bool:
    value = entry
    if isinstance(entry, InputModel):
        value, path = entry.default, (*path, "default")
    elif isinstance(entry, ParamModel | StateModel):
        value, path = entry.init, (*path, "init")
    level = [value] if isinstance(value, list) else []
    while level:
        lengths = [len(row) if isinstance(row, list) else None for row in level]
        odd = next((n for n in lengths if n != lengths[0]), 0)
        if odd != 0 and lengths[0] != odd:
            note = "a number stands beside a list" if None in (odd, lengths[0]) else f"one has {lengths[0]} entries, another {odd}"
            message = "the rows of this list have different lengths"
            reporter.error("ragged-list", message, places.value(path), notes=(note,), help="give every row as many numbers")
            return True
        level = [inner for row in level for inner in row] if lengths[0] is not None else []
    return False
