"""The resolved spec: as it was read, with `--set` applied, written again as YAML that reads back to the same model."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

from graphrun.spec.models import Model
from graphrun.spec.scalars import is_plain
from graphrun.spec.spec import Spec

__all__ = ["entry_lines", "plain_values", "resolved"]

WIDTH = 100
_FORMULAS = frozenset({"nodes", "functions", "optimizers", "metrics"})  # a line for each


def resolved(spec: Spec, folder: str | None = None) -> str:
    """The spec as YAML text, keys in the language's order, comments left out, defaults not filled in.

    Functions brought by `use` stay where they are. Paths stay relative to the spec's folder; where `folder` is given, they are
    made relative to that.
    """
    data = plain_values(spec.model)
    data = {"graphrun": data.pop("graphrun"), "name": spec.name, **{k: v for k, v in data.items() if k != "name"}}
    if folder is not None:
        _move(data, spec.base, folder)
    lines: list[str] = []
    for key, value in data.items():
        if lines and isinstance(value, dict | list) and value:
            lines.append("")
        lines.extend(entry_lines(key, value, 0))
    return "\n".join(lines) + "\n"


def plain_values(value: Any) -> Any:
    """A model's written keys as plain values."""
    if isinstance(value, Model):
        fields = type(value).model_fields
        written = {n: getattr(value, n) for n in fields if n in value.model_fields_set}
        return {fields[n].alias or n: plain_values(v) for n, v in written.items() if v is not None}
    if isinstance(value, dict):
        return {k: plain_values(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain_values(v) for v in value]
    return value


def _move(data: dict[str, Any], base: str, folder: str) -> None:
    def moved(path: Any) -> Any:
        if isinstance(path, list):
            return [moved(p) for p in path]
        if isinstance(path, dict):
            return {k: moved(p) for k, p in path.items()}
        return path if os.path.isabs(path) else os.path.relpath(os.path.join(base, path), folder)

    if "use" in data:
        data["use"] = moved(data["use"])
    if "source" in data.get("data", {}):
        data["data"]["source"] = moved(data["data"]["source"])
    if "from" in data.get("train", {}):
        data["train"]["from"] = moved(data["train"]["from"])


# -- YAML ---------------------------------------------------------------------------------------------------------------------


def _scalar(value: Any, *, flow: bool) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if math.isnan(value):
            return ".nan"
        return ("-.inf" if value < 0 else ".inf") if math.isinf(value) else repr(value)
    if isinstance(value, str) and not is_plain(value, flow=flow):
        return f'"{"".join(map(_escaped, value))}"'
    return "null" if value is None else str(value)


def _escaped(char: str) -> str:
    """A character as it stands between double quotes."""
    if char in '"\\':
        return f"\\{char}"
    code = ord(char)
    return char if char.isprintable() else f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_scalar(k, flow=True)}: {_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return _scalar(value, flow=True)


def _flat(value: Any) -> bool:
    """Whether a mapping or list holds scalars alone, or lists of them, none of which must be quoted on one line only."""
    inside = value.values() if isinstance(value, dict) else value
    return all(
        _flat(v)
        if isinstance(v, list)
        else not isinstance(v, dict) and not (isinstance(v, str) and is_plain(v, flow=False) > is_plain(v, flow=True))
        for v in inside
    )


def entry_lines(key: str, value: Any, indent: int, width: int = WIDTH) -> Iterator[str]:
    """An entry of a mapping as lines of YAML; a collection is broken where a line would be longer than `width`."""
    lead = " " * indent + _scalar(key, flow=False) + ":"
    if not isinstance(value, dict | list):
        yield f"{lead} {_scalar(value, flow=False)}"
        return
    if not value or isinstance(value, list) or (_flat(value) and key not in _FORMULAS):
        line = f"{lead} {_flow(value)}"
        short = len(line) <= (width if indent else min(width, 72))
        if not value or (short and not (isinstance(value, list) and any(isinstance(v, list) for v in value))):
            yield line
            return
    yield lead
    yield from _block(value, indent + 2, width)


def _block(value: Any, indent: int, width: int) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from entry_lines(key, inner, indent, width)
        return
    for item in value:
        line = " " * indent + "- " + _flow(item)
        if not isinstance(item, dict) or len(line) <= width:
            yield line
            continue
        first, *rest = _block(item, indent + 2, width)
        yield " " * indent + "- " + first.lstrip()
        yield from rest
