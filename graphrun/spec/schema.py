"""The JSON Schema of specs, from the same models that read them."""

from __future__ import annotations

from typing import Any

from graphrun.spec.models import SpecModel

__all__ = ["json_schema"]

NAME = "^[A-Za-z_][A-Za-z0-9_]*$"
HEAD = r"^[A-Za-z_][A-Za-z0-9_]*\s*\(.*\)$"
# Section → the pattern of its keys.
_KEYS = {
    "SpecModel": {
        "config": NAME,
        "inputs": NAME,
        "params": NAME,
        "state": NAME,
        "functions": HEAD,
        "optimizers": HEAD,
        "nodes": NAME,
        "metrics": NAME,
    },
    "FunctionModel": {"params": NAME, "state": NAME, "nodes": NAME},
    "OptimizerModel": {"state": NAME, "nodes": NAME},
}


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a spec file, for editors."""
    schema = SpecModel.model_json_schema(by_alias=True, mode="validation")
    definitions = schema.pop("$defs", {})
    for name, keys in _KEYS.items():
        home = schema if name == "SpecModel" else definitions[name]
        for key, pattern in keys.items():
            entry = home["properties"][key]
            home["properties"][key] = {
                **{k: v for k, v in entry.items() if k != "additionalProperties"},
                "patternProperties": {pattern: entry["additionalProperties"]},
                "additionalProperties": False,
            }
    _tidy(schema)
    for definition in definitions.values():
        _tidy(definition)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "graphrun spec",
        "description": "A computation graph, its parameters, its data, how it is trained, and what must come out.",
        **{k: v for k, v in schema.items() if k not in {"title", "description"}},
        "$defs": {name.removesuffix("Model"): definition for name, definition in sorted(definitions.items())},
    }


def _tidy(schema: Any) -> None:
    """Takes out what says nothing to a person, in place: titles made from names, null where nothing is written, empty defaults."""
    stack = [schema]
    while stack:
        top = stack.pop()
        if isinstance(top, list):
            stack.extend(top)
            continue
        if not isinstance(top, dict):
            continue
        if isinstance(top.get("title"), str):
            del top["title"]
        if top.get("default", "") is None or top.get("default") in ([], {}):
            del top["default"]
        for union in ("anyOf", "oneOf"):
            kinds = top.get(union)
            if isinstance(kinds, list):
                kinds = [kind for kind in kinds if kind != {"type": "null"}]
                kinds = [inner for kind in kinds for inner in (kind["anyOf"] if set(kind) == {"anyOf"} else [kind])]
                del top[union]
                top.update(kinds[0] if len(kinds) == 1 else {"anyOf": kinds})
        for bound, keyword in (("ge", "minimum"), ("gt", "exclusiveMinimum"), ("lt", "exclusiveMaximum")):
            if isinstance(top.get(bound), int | float):  # of a union, which pydantic leaves as it is
                top[keyword] = top.pop(bound)
        if isinstance(top.get("$ref"), str):
            top["$ref"] = top["$ref"].removesuffix("Model")
        stack.extend(top.values())
