"""What a file meant to give and could not be read: names that stand for something whose fault has been told.

A formula that uses such a name is judged no further, and nothing is said of the name itself, so that one fault does not bring others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from graphrun.spec.places import Path
from graphrun.spec.yaml import BROKEN

__all__ = ["Lost", "lost_parts"]

_VALUES = ("dims", "config", "inputs", "params", "state", "nodes")
_BODY = ("params", "state", "nodes")
_WHOLE_DATA = ("source", "rows", "columns")  # without which the rest of `data` says nothing
_WORD = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(slots=True)
class Lost:
    """Names of values, functions, optimizers and metrics; `any_name` and `any_function` where more may be meant than is known."""

    names: set[str] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)
    optimizers: set[str] = field(default_factory=set)
    metrics: set[str] = field(default_factory=set)
    inner: dict[str, set[str]] = field(default_factory=dict)  # head of a function → names inside of it
    any_name: bool = False
    any_function: bool = False
    batch: bool = False  # whether an input that cannot be read may have the dimension `batch`
    loss: bool = False
    data: bool = False
    split: bool = False

    def value(self, name: str) -> bool:
        """Whether `name` may be a value that could not be read."""
        return self.any_name or name in self.names

    def function(self, name: str) -> bool:
        """Whether `name` may be a function that could not be read."""
        return self.any_function or name in self.functions

    def optimizer(self, name: str) -> bool:
        """Whether `name` may be an optimizer that could not be read."""
        return self.any_function or name in self.optimizers

    def inside(self, head: str, names: Iterable[str]) -> None:
        """Adds names inside of the function with this head."""
        self.inner.setdefault(head, set()).update(names)

    def include(self, other: Lost) -> None:
        """Adds the functions and optimizers of a file that this one uses."""
        self.functions |= other.functions
        self.optimizers |= other.optimizers
        self.any_function |= other.any_function


def lost_parts(data: dict[str, Any], faults: Iterable[Path], sections: Iterable[str], text: str, *, whole: bool) -> Lost:
    """What is lost with the faults at these paths of `data`, and with the parts of it that are BROKEN.

    `sections` are the keys that a spec has. A file that is not `whole` has lost entries whose names are not known.
    """
    lost = Lost(any_name=not whole, any_function=not whole)
    known = set(sections)
    for path in dict.fromkeys([*faults, *_broken(data)]):
        _lose(lost, path, data, known, text)
    return lost


def _lose(lost: Lost, path: Path, data: dict[str, Any], known: set[str], text: str) -> None:
    section, name = str(path[0]), str(path[1]) if len(path) > 1 else None
    raw = data.get(section)
    if section not in known:
        found = set(_names(raw))
        lost.names |= {section, *found} if isinstance(raw, str) else found
        lost.functions |= found
        lost.optimizers |= found
        lost.metrics |= found
        lost.loss |= "loss" in section
        lost.data |= "data" in section
        lost.batch |= "batch" in _texts(raw)
    elif section in _VALUES:
        if name is None or section == "dims":
            found = set(_names(raw))
            lost.names |= found
            lost.any_name |= not found
        else:
            lost.names |= {name} if _WORD.fullmatch(name) else {name, *_WORD.findall(name)}
        lost.batch |= section == "inputs" and "batch" in (text if name is None or raw is None else _texts(raw.get(name), text))
    elif section in ("functions", "optimizers"):
        _lose_function(lost, path, raw)
    elif section == "use":
        lost.any_function = True
    elif section == "metrics":
        lost.metrics |= {name} if name is not None else set(_names(raw))
    elif section == "loss":
        lost.loss = True
    elif section == "data":
        lost.split |= name == "split"
        lost.data |= name is None or name in _WHOLE_DATA or (len(path) == 2 and name != "split")


def _lose_function(lost: Lost, path: Path, raw: Any) -> None:
    names = lost.functions if path[0] == "functions" else lost.optimizers
    if len(path) == 1:
        found = set(_names(raw))
        names |= found
        lost.any_function |= not found
        return
    head = str(path[1])
    if path[0] == "functions" and len(path) > 2 and path[2] in _BODY:
        body = raw[head][path[2]] if isinstance(raw, dict) and isinstance(raw.get(head), dict) and path[2] in raw[head] else None
        lost.inside(head, {str(path[3])} if len(path) > 3 else _names(body))
        if len(path) > 3 or any(_names(body)):
            return
    names.update(_WORD.findall(head)[:1])


def _names(raw: Any) -> Iterator[str]:
    """The names that a value of the wrong kind may have meant to give: keys, and words of texts. Of `f(x)` it is `f`."""
    if isinstance(raw, dict):
        for key, value in raw.items():
            yield from _WORD.findall(key)[:1]
            if isinstance(value, dict):
                yield from _names(value)
    elif isinstance(raw, list):
        for entry in raw:
            yield from _names(entry)
    elif isinstance(raw, str):
        yield from _WORD.findall(raw)


def _texts(raw: Any, otherwise: str = "") -> str:
    """All texts in a value, one behind the other; `otherwise` where a part of it could not be read."""
    if isinstance(raw, dict):
        return " ".join([*raw, *(_texts(v, otherwise) for v in raw.values())])
    if isinstance(raw, list):
        return " ".join(_texts(v, otherwise) for v in raw)
    return raw if isinstance(raw, str) else otherwise if raw is BROKEN or raw is None else ""


def _broken(value: Any, path: Path = ()) -> Iterator[Path]:
    """Where `value` is BROKEN."""
    if value is BROKEN:
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _broken(inner, (*path, key))
    elif isinstance(value, list):
        for k, inner in enumerate(value):
            yield from _broken(inner, (*path, k))
