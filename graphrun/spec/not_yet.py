"""What the language has and this version does not carry out yet: told by name, never ignored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphrun.errors import Reporter
from graphrun.spec.models import SpecModel
from graphrun.spec.places import Path, PlaceTable

__all__ = ["NOT_YET", "refuse"]

# Path of a key (`*` stands for any one) → what to do without it. This table is the one place to change when a key is carried out.
NOT_YET: dict[Path, str] = {
    ("data", "text"): "give the rows as a .csv file",
    ("train", "checkpoint"): "take it out: the trained parameters are written at the end",
}
SUFFIXES = (".npz", ".npy", ".jsonl", ".parquet", ".arrow")


def refuse(data: dict[str, Any], model: SpecModel, places: PlaceTable, reporter: Reporter) -> SpecModel:
    """Tells every key that is not carried out yet. The model without these keys."""
    paths = [path for pattern in NOT_YET for path in _matches(data, pattern)]
    for path, mend in [(p, _mend(p)) for p in paths]:
        name = ".".join(str(part) for part in path)
        message = f"`{name}` is part of the language but this version does not carry it out yet"
        reporter.error("not-yet", message, places.key(path), help=mend)
    section = data.get("data")
    formats = list(_formats(section.get("source"), ("data", "source"))) if isinstance(section, dict) else []
    for path, suffix in formats:
        message = f"{suffix} files are part of the language but this version does not read them yet"
        reporter.error("not-yet", message, places.value(path), help="give the rows as a .csv or .tsv file")
    changes: dict[str, Any] = {}
    if formats or ("data", "text") in paths:
        changes["data"] = None
    if model.train is not None and any(path[0] == "train" for path in paths):
        none = {str(path[1]): None for path in paths if path[0] == "train"}
        changes["train"] = model.train.model_copy(update=none)
    return model.model_copy(update=changes) if changes else model


def _mend(path: Path) -> str:
    return next(
        mend
        for pattern, mend in NOT_YET.items()
        if len(pattern) == len(path) and all(a in {"*", b} for a, b in zip(pattern, path, strict=True))
    )


def _matches(data: Any, pattern: Path, path: Path = ()) -> Iterator[Path]:
    if not pattern:
        yield path
    elif isinstance(data, dict):
        for key in list(data) if pattern[0] == "*" else [pattern[0]] if pattern[0] in data else []:
            yield from _matches(data[key], pattern[1:], (*path, key))


def _formats(source: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(source, str):
        suffix = next((s for s in SUFFIXES if source.lower().endswith(s)), None)
        if suffix is not None:
            yield path, suffix
    elif isinstance(source, list):
        for k, entry in enumerate(source):
            yield from _formats(entry, (*path, k))
    elif isinstance(source, dict):
        for key, entry in source.items():
            yield from _formats(entry, (*path, key))
