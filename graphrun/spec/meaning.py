"""The hash of what a spec means: the same whatever its comments, layout, order of keys and spelling of formulas.

What a spec means is its graph, its data and its training. Left out are `name`, `about`, `diagram` and `expect`, and of `train` `log` and
`checkpoint`. Formulas are written in one canonical way (brackets that say nothing, `**` for `^`, a chain as a list or with `->`), numbers
of inputs and parameters as reals; a key that is given its default is as one that is not given, so that a later version of graphrun, which
has more keys, gives the same hash. A used file counts by what it holds, not by its path;
data files count by their paths.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from graphrun.expr.parse import FormulaError, parse, parse_signature
from graphrun.expr.write import write
from graphrun.spec.models import Model
from graphrun.spec.spec import File, Function, Optimizer, Spec

__all__ = ["meaning", "spec_hash"]

_LEFT_OUT = frozenset({"graphrun", "name", "about", "diagram", "expect", "use", "functions", "optimizers"})
_REALS = frozenset({"inputs", "params"})
_FORMULAS = frozenset({"params", "state", "nodes", "loss", "metrics"})


def spec_hash(spec: Spec) -> str:
    """The hash, as 64 hexadecimal digits."""
    return _hash(meaning(spec))


def meaning(spec: Spec) -> dict[str, Any]:
    """What is hashed, as plain values."""
    model = spec.model
    out: dict[str, Any] = {"graphrun": 1}
    for name, info in type(model).model_fields.items():
        if name not in _LEFT_OUT and getattr(model, name) != info.default:
            out[name] = _plain(getattr(model, name), formulas=name in _FORMULAS, reals=name in _REALS, chains=name == "nodes")
    for entry in out.get("inputs", {}).values():
        if isinstance(entry, dict) and entry.get("dtype") == model.dtype:
            del entry["dtype"]
    if model.data is not None and model.data.transform:
        out["data"]["transform"] = _plain(model.data.transform, formulas=True)
    if model.train is not None:
        train = out["train"]
        for key in ("log", "checkpoint"):
            train.pop(key, None)
        if train.get("shuffle") is (model.train.batch is not None):  # which is so where it is not given
            del train["shuffle"]
        train["optimizer"] = _formula(model.train.optimizer or "sgd(lr=0.01)")
        if model.train.per_parameter:  # later ones win
            train["per_parameter"] = [[k, _plain(v, formulas=True)] for k, v in model.train.per_parameter.items()]
    return out | _file(spec.file, {})


def _file(file: File, known: dict[int, dict[str, Any]]) -> dict[str, Any]:
    """The functions and optimizers that a file's formulas see; those of another file as the hash of what that one holds."""
    if id(file) not in known:
        known[id(file)] = {}
        functions = {name: _function(f, name, file, known) for name, f in file.functions.items()}
        optimizers = {name: _optimizer(o, name, file, known) for name, o in file.optimizers.items()}
        known[id(file)] = {"functions": functions, "optimizers": optimizers}
    return known[id(file)]


def _function(f: Function, name: str, file: File, known: dict[int, dict[str, Any]]) -> Any:
    if f.file is not file:
        return [name, _hash(_file(f.file, known))]
    return [_signature(str(f.path[-1])), _plain(f.model, formulas=True)]


def _optimizer(o: Optimizer, name: str, file: File, known: dict[int, dict[str, Any]]) -> Any:
    if o.file is not file:
        return [name, _hash(_file(o.file, known))]
    state = [[k, _plain(slot, formulas=True)] for k, slot in o.model.state.items()]  # in order: each sees those above it
    return [_signature(str(o.path[-1])), state, _plain(o.model.nodes, formulas=True), _formula(o.model.update)]


def _signature(head: str) -> Any:
    signature = parse_signature(head)
    return [signature.name, [[name, None if default is None else write(default)] for name, default in signature.args]]


def _plain(value: Any, *, formulas: bool = False, reals: bool = False, chains: bool = False) -> Any:
    """A value without the keys that have their defaults. With `chains` a list is a chain: `[x, f]` is `x -> f`."""
    if isinstance(value, Model):
        out = {}
        for name, info in type(value).model_fields.items():
            found = getattr(value, name)
            if found != info.default:
                inner = reals and name in {"default", "init"}
                out[info.alias or name] = _plain(found, formulas=formulas, reals=inner, chains=name == "nodes")
        return out
    if isinstance(value, Mapping):
        return {k: _plain(v, formulas=formulas, reals=reals, chains=chains) for k, v in value.items()}
    if isinstance(value, list | tuple):
        if chains and value:
            first, *rest = map(str, value)
            return _formula(" -> ".join([f"({first})", *rest]))
        return [_plain(v, formulas=formulas, reals=reals) for v in value]
    if formulas and isinstance(value, str):
        return _formula(value)
    if reals and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _formula(text: Any) -> str:
    """A formula in one canonical way; what cannot be parsed stays as it is (its fault is told elsewhere)."""
    try:
        return write(parse(str(text)))
    except FormulaError:
        return str(text)


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=True).encode()).hexdigest()
