"""The resolved spec entry by entry, each with where it came from: a line of the file, `--set`, or a default of the language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphrun.spec.models import SpecModel, TrainModel
from graphrun.spec.resolved import entry_lines, plain_values
from graphrun.spec.settings import SETTING
from graphrun.spec.spec import Spec

__all__ = ["DEFAULT", "Entry", "traced", "traced_lines"]

DEFAULT = "default"
OPTIMIZER = "sgd(lr=0.01)"
WIDTH = 66


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of the spec, or an entry of one of its sections, by its path. `origin` is `line 7`, `--set` or `default`, or `line 7, --set`
    where a part of what stands there was set; `file` is where the line is, None where it is in none."""

    path: tuple[str, ...]
    value: Any
    origin: str
    file: str | None = None
    line: int | None = None


def traced(spec: Spec, more: Mapping[str, Any] | None = None) -> list[Entry]:
    """Every entry of a spec in the language's order, with those defaults that bear on a run; `more` holds further top-level defaults."""
    data = plain_values(spec.model)
    names = [info.alias or name for name, info in SpecModel.model_fields.items()]
    more = {**(more or {}), "name": spec.name, "dtype": spec.model.dtype}
    out: list[Entry] = []
    for key in names:
        if key not in data:
            if key in more:
                out.append(Entry((key,), more[key], DEFAULT))
            continue
        value = data[key]
        if not isinstance(value, dict) or not value:
            out.append(_written(spec, (key,), value))
            continue
        out += [_written(spec, (key, name), inner) for name, inner in value.items()]
        if key == "train" and spec.model.train is not None:
            out += [Entry((key, name), d, DEFAULT) for name, d in _train_defaults(spec.model.train) if name not in value]
    return out


def _train_defaults(train: TrainModel) -> Iterator[tuple[str, Any]]:
    """What training does where nothing is said."""
    yield "optimizer", OPTIMIZER
    if train.batch is not None:
        yield "shuffle", True
        yield "drop_last", train.drop_last
    yield "seed", train.seed


def _written(spec: Spec, path: tuple[str, ...], value: Any) -> Entry:
    place = spec.value(*path)
    if place.source.name == SETTING:
        return Entry(path, value, SETTING)
    line = spec.key(*path).line
    file = place.source.name
    inside = any(len(at) > len(path) and at[: len(path)] == path for at in _settings(spec))
    return Entry(path, value, f"line {line}, {SETTING}" if inside else f"line {line}", file, line)


def _settings(spec: Spec) -> list[tuple[str, ...]]:
    """The paths of what `--set` gave."""
    known = {name: ("config", name) for name in spec.model.config}
    return [known.get(key, tuple(key.split("."))) for key in spec.settings]


def traced_lines(entries: list[Entry]) -> list[tuple[str, str]]:
    """The entries as lines of YAML, each with its origin; a line that goes on from the one before has none."""
    out: list[tuple[str, str]] = []
    section = ""
    for e in entries:
        head, *inner = e.path
        if inner and head != section:
            out += [("", ""), (f"{head}:", "")]
        lines = list(entry_lines(e.path[-1], e.value, 2 * len(inner), WIDTH))
        if not inner and len(lines) > 1:
            out.append(("", ""))
        section = head if inner else ""
        out += [(line, "" if k else e.origin) for k, line in enumerate(lines)]
    return out
