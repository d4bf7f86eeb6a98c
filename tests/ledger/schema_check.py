"""A validator for the part of JSON Schema that `schema.json` uses, so that the tests need no package for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
KNOWN = {
    "$schema", "$ref", "$defs", "title", "description", "type", "required", "properties", "additionalProperties", "items", "anyOf", "enum",
    "const",
}  # fmt: skip


def faults(schema: dict[str, Any], value: Any, root: dict[str, Any] | None = None, at: str = "$") -> Iterator[str]:
    """What is wrong with `value`."""
    root = schema if root is None else root
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        target: Any = root
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        yield from faults(target, value, root, at)
    if "type" in schema and not _is(schema["type"], value):
        yield f"{at}: not {schema['type']}: {value!r:.60}"
        return
    if "const" in schema and value != schema["const"]:
        yield f"{at}: not {schema['const']!r}"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{at}: {value!r:.60} is none of {schema['enum']}"
    if "anyOf" in schema and all(list(faults(one, value, root, at)) for one in schema["anyOf"]):
        yield f"{at}: fits none: {value!r:.60}"
    if isinstance(value, dict):
        yield from _object(schema, value, root, at)
    if isinstance(value, list) and "items" in schema:
        for k, one in enumerate(value):
            yield from faults(schema["items"], one, root, f"{at}[{k}]")


def _is(kind: str, value: Any) -> bool:
    return isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _object(schema: dict[str, Any], value: dict[str, Any], root: dict[str, Any], at: str) -> Iterator[str]:
    known = schema.get("properties", {})
    for name in schema.get("required", ()):
        if name not in value:
            yield f"{at}: lacks {name}"
    for name, one in value.items():
        more = schema.get("additionalProperties", True)
        if name in known:
            yield from faults(known[name], one, root, f"{at}.{name}")
        elif more is False:
            yield f"{at}: has {name}"
        elif isinstance(more, dict):
            yield from faults(more, one, root, f"{at}.{name}")
