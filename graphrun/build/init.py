"""Initial values: what an `init` gives, as numbers, or as a small graph over `shape`, `fan_in` and `fan_out`."""

from __future__ import annotations

from typing import Any

from graphrun.build.arguments import INNER
from graphrun.build.assemble import Assembly
from graphrun.build.build import Built
from graphrun.build.values import Fault, FunctionValue, ListValue, Param, Poisoned, Ref, is_number, to_float
from graphrun.errors import Diagnostic, SpecError
from graphrun.expr.tree import Call, Formula, Nothing
from graphrun.ir.graph import Graph
from graphrun.ir.opdef import OpDef
from graphrun.spec.spec import Function

__all__ = ["fans", "initial"]


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a shape.

    Of a matrix [in, out] they are its two sizes, of a convolution's kernel [out, in, …] as in PyTorch, of a vector its length twice.
    """
    if len(shape) < 2:
        n = shape[0] if shape else 1
        return n, n
    if len(shape) == 2:
        return shape[0], shape[1]
    field = 1
    for d in shape[2:]:
        field *= d
    return shape[1] * field, shape[0] * field


def initial(built: Built, param: Param, seed: int) -> tuple[Graph, int] | float | list[Any]:
    """The initial value of a parameter: a number for all its elements, a nested list, or a graph without inputs and the node to evaluate.

    Random values depend on `seed` and the parameter's name alone.
    """
    if not isinstance(param.init, FunctionValue):
        return param.init if isinstance(param.init, list) else to_float(param.init)
    source = built.assembly
    a = Assembly(source.reporter, source.dtype, (), False, True, source.top, source.library)
    a.scope.values.update({n: v for n, v in source.scope.values.items() if not isinstance(v, Ref)})
    a.initializing, a.random_key = True, (param.name, seed)
    fan_in, fan_out = fans(param.shape)
    ready = {"shape": ListValue(param.shape), "fan_in": fan_in, "fan_out": fan_out}
    target = param.init.target
    names = _names(target)
    given = len(param.init.args) + len(param.init.kwargs)
    leading = {n: v for n, v in ready.items() if n in names} or _lengths(target, param.shape, given)
    rest = [n for n in names if n not in leading]
    named = {**dict(zip(rest, param.init.args, strict=False)), **leading, **param.init.kwargs}
    extra = param.init.args[len(rest) :]
    f = a.frame(_CALL, ("params",), param.name)
    f.base = (param.place.line, param.place.column)
    e = Call(param.init.name, (), (), False, 0, 0, 0)
    try:
        if extra:
            raise Fault(
                "wrong-arity", f"`{param.init.name}` takes {len(rest)} arguments besides the shape, and {len(param.init.args)} are given"
            )
        value = a.use(FunctionValue(target), [], named, e, f)
        if is_number(value):
            return to_float(value)  # type: ignore[arg-type]
        if isinstance(value, Ref) and a.builder.shape(value.node) in (param.shape, ()):
            return a.builder.graph, value.node
        raise Fault("wrong-type", f"the initializer `{param.init.name}` does not give values of shape {list(param.shape)}")
    except Fault as fault:
        raise SpecError(Diagnostic(fault.code, fault.message, param.place, "error", fault.notes, fault.help)) from None
    except Poisoned:
        raise SpecError(source.reporter.errors) from None


_CALL = Formula("", Nothing(0, 0), (), (0,), (0,))


def _lengths(target: Any, shape: tuple[int, ...], given: int) -> dict[str, int]:
    """What the shape says of `eye()`, `arange()` and `linspace(start, end)`, where that is not given."""
    match target.name if isinstance(target, OpDef) else "", len(shape), given:
        case "eye", 2, 0:
            return {"n": shape[0], "m": shape[1]}
        case "arange", 1, 0:
            return {"start": shape[0]}
        case "linspace", 1, 2:
            return {"steps": shape[0]}
    return {}


def _names(target: Any) -> list[str]:
    if isinstance(target, Function):
        return [n for n, _ in target.signature.args]
    if isinstance(target, OpDef):
        return [*(n for n in target.arrays if n != "step"), *(a.name for a in target.attrs if a.name not in INNER)]
    return []
