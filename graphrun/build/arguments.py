"""Arguments of a call: bound to an operation's arrays and attributes, checked by kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from graphrun.build.values import Fault, ListValue, Training, describe, is_number, to_float, whole
from graphrun.errors import certain, nearest
from graphrun.expr.tree import Call, Expr, Signature
from graphrun.ir.opdef import Attr, OpDef
from graphrun.ir.types import Shape, Sym

__all__ = ["attributes", "bind", "given", "known_arguments", "list_constant"]

_MISSING = object()
# What an argument is called in other libraries → what it may be called here.
_ELSEWHERE = {
    "dim": ("axis",), "keepdim": ("keepdims",), "learning_rate": ("lr",), "rate": ("lr", "p"), "out_features": ("units",),
    "num_units": ("units",), "features": ("units",), "wd": ("weight_decay",), "use_bias": ("bias",), "epsilon": ("eps",),
    "beta_1": ("beta1",), "beta_2": ("beta2",),
}  # fmt: skip


def bind(name: str, wanted: Sequence[str], required: Sequence[bool], args: Sequence[Any], kwargs: Mapping[str, Any], e: Expr) -> list[Any]:
    """The argument for each name in `wanted` (`_MISSING`, see `given`, for one left out); faults of arity and names are raised."""
    head = _head(name, wanted, required)
    if len(args) > len(wanted):
        raise Fault("wrong-arity", f"`{name}` takes {_count(len(wanted))}, and {len(args)} are given", e, help=f"its form is `{head}`")
    out = list(args) + [_MISSING] * (len(wanted) - len(args))
    for key, value in kwargs.items():
        if key not in wanted:
            raise _unknown_argument(name, key, wanted, head, e)
        k = list(wanted).index(key)
        if out[k] is not _MISSING:
            raise Fault("wrong-arity", f"`{name}` is given `{key}` twice", e, help=f"its form is `{head}`")
        out[k] = value
    missing = [w for w, r, v in zip(wanted, required, out, strict=True) if r and v is _MISSING]
    if missing:
        listed = ", ".join(f"`{m}`" for m in missing)
        raise Fault("wrong-arity", f"`{name}` lacks {listed}", e, help=f"its form is `{head}`")
    return out


def known_arguments(target: Signature | OpDef, e: Call) -> None:
    """Raises the fault of an argument's name that a function does not have, before its value is looked at."""
    if isinstance(target, OpDef):
        wanted, required = _form(target)
    else:
        wanted, required = [n for n, _ in target.args], [d is None for _, d in target.args]
    for key, _ in e.kwargs:
        if key not in wanted:
            raise _unknown_argument(target.name, key, wanted, _head(target.name, wanted, required), e)


@cache
def _form(op: OpDef) -> tuple[Sequence[str], Sequence[bool]]:
    """The arguments that a formula gives an operation, and which of them it must."""
    operands, settable, needed = op.operands, op.settable, len(op.arrays) - op.optional
    required = [k < needed for k in range(len(operands))] + [a.required for a in settable]
    return [*operands, *(a.name for a in settable)], required


def _head(name: str, wanted: Sequence[str], required: Sequence[bool]) -> str:
    return f"{name}({', '.join(w if r else f'{w}=…' for w, r in zip(wanted, required, strict=True))})"


def _unknown_argument(name: str, key: str, wanted: Sequence[str], head: str, e: Expr) -> Fault:
    known = next((w for w in wanted if w in _ELSEWHERE.get(key, ())), None)
    near, fix = known or nearest(key, wanted), known or certain(key, wanted)
    mend = f"did you mean `{near}`?" if near else f"its form is `{head}`"
    return Fault("unknown-argument", f"`{name}` has no argument `{key}`", e, help=mend, fix=fix, word=key)


def given(value: Any) -> bool:
    """Whether `bind` found an argument."""
    return value is not _MISSING


def _count(n: int) -> str:
    return "no argument" if n == 0 else "1 argument" if n == 1 else f"{n} arguments"


def attributes(op: OpDef, args: Sequence[Any], kwargs: dict[str, Any], e: Call, dtype: str) -> tuple[list[Any], list[Expr], dict[str, Any]]:
    """The operands (with their expressions) and the attributes of a primitive's call."""
    written, needed = len(op.operands), len(op.arrays) - op.optional
    wanted, required = _form(op)
    found = bind(op.name, wanted, required, args, kwargs, e)
    exprs = {id(v): x for v, x in zip(args, e.args, strict=False)}
    exprs.update({id(v): dict(e.kwargs)[k] for k, v in kwargs.items() if k in dict(e.kwargs)})
    arrays = found[:written]
    if op.variadic:
        if not isinstance(arrays[0], ListValue) or not arrays[0].items:
            raise Fault("wrong-type", f"`{op.name}` takes a list of values", e, help=f"write `{op.name}([a, b])`")
        arrays = list(arrays[0].items)
        places: list[Expr] = [exprs.get(id(found[0]), e)] * len(arrays)
        inner = getattr(places[0], "items", ()) if places else ()
        if len(inner) == len(arrays):
            places = list(inner)
    else:
        while len(arrays) > needed and (arrays[-1] is _MISSING or arrays[-1] is None):
            arrays.pop()
        places = [exprs.get(id(v), e) for v in arrays]
    attrs = {
        a.name: attribute(op.name, a, v, exprs.get(id(v), e))
        for a, v in zip(op.settable, found[written:], strict=True)
        if v is not _MISSING
    }
    if any(a.name == "dtype" and a.kind == "any" for a in op.attrs):
        attrs["dtype"] = dtype
    return arrays, places, attrs


def attribute(function: str, a: Attr, v: Any, e: Expr) -> Any:
    """The value of an attribute in its stored form; a fault where its kind is another."""
    if v is None and a.default is None and not a.required:
        return None
    out: Any
    match a.kind:
        case "int" | "axis":
            out, kind = whole(v), "a whole number"
        case "number":
            out, kind = (to_float(v) if is_number(v) else None), "a number known when the graph is built"
        case "bool":
            out, kind = (v.value if isinstance(v, Training) else v if isinstance(v, bool) else None), "true or false"
        case "axes" | "ints":
            out, kind = _wholes(v), "a whole number or a list of them"
        case "padding":
            out, kind = (v if isinstance(v, str) else _wholes(v)), "a whole number, a list of them, or a text in quotes"
        case "dim":
            out, kind = (v if isinstance(v, Sym) else whole(v)), "a size"
        case "shape":
            out, kind = _shape(v), "a shape: a list of sizes"
        case "dtype":
            out, kind = (v if v in ("float32", "float64", "int64", "bool") else None), "'float32', 'float64', 'int64' or 'bool'"
        case "text":
            out, kind = (v if isinstance(v, str) else None), "a text in quotes"
        case _:
            out, kind = v, ""
    if out is None and kind:
        odd = [x for x in v.items if whole(x) is None and not isinstance(x, Sym)] if isinstance(v, ListValue) and a.kind == "shape" else []
        found = f"a list that holds {describe(odd[0])}" if odd else describe(v)
        raise Fault("wrong-type", f"`{a.name}` of `{function}` must be {kind}; here it is {found}", e)
    return out


def _wholes(v: Any) -> Any:
    if isinstance(v, ListValue):
        out = tuple(whole(x) for x in v.items)
        return None if None in out else out
    return whole(v)


def _shape(v: Any) -> Shape | None:
    items = v.items if isinstance(v, ListValue) else (v,)
    out = tuple(x if isinstance(x, Sym) else whole(x) for x in items)
    return None if None in out else out  # type: ignore[return-value]


def list_constant(value: ListValue, e: Expr) -> tuple[tuple[Any, ...], tuple[int, ...]] | None:
    """The flat elements and the shape of a nested list of numbers; None where something else is in it."""
    shape: list[int] = []
    level: list[Any] = [value]
    while level and isinstance(level[0], ListValue):
        if not all(isinstance(x, ListValue) for x in level):
            return None
        lengths = {len(x.items) for x in level}
        if len(lengths) != 1:
            raise Fault("ragged-list", "the rows of this list have different lengths", e)
        shape.append(lengths.pop())
        level = [y for x in level for y in x.items]
    if not all(is_number(x) or isinstance(x, bool | Fraction) for x in level):
        return None
    return tuple(to_float(x) for x in level), tuple(shape)
