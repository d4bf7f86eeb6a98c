"""Initial values: what an `init` gives, as numbers, or as a small graph over `shape`, `fan_in` and `fan_out`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphrun.build.assemble import Assembly
from graphrun.build.build import Built
from graphrun.build.frame import Frame
from graphrun.build.values import Fault, FunctionValue, ListValue, Param, Poisoned, Ref, is_number, to_float
from graphrun.errors import Reporter, SpecError
from graphrun.expr.tree import Call, Expr
from graphrun.ir.graph import Graph
from graphrun.ir.opdef import OpDef
from graphrun.spec.spec import Function

__all__ = ["fans", "initial", "judge_initial_values"]


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


def judge_initial_values(built: Built, reporter: Reporter) -> None:
    """Tells what is wrong with an `init` of the spec or of a file that it uses; those of the library are right."""
    shipped = built.assembly.shipped
    told = {(d.code, d.place) for d in reporter.diagnostics}
    for param in [*built.params.values(), *built.state.values()]:
        if isinstance(param.init, FunctionValue) and param.written is not None and param.written.scope.file not in shipped:
            try:
                initial(built, param, 0)
            except SpecError as error:
                reporter.diagnostics += [d for d in error.diagnostics if (d.code, d.place) not in told]
                told |= {(d.code, d.place) for d in error.diagnostics}


def initial(built: Built, param: Param, seed: int) -> tuple[Graph, int] | float | list[Any]:
    """The initial value of a parameter: a number for all its elements, a nested list, or a graph without inputs and the node to evaluate.

    Random values depend on `seed` and the parameter's name alone. Raises SpecError with what is wrong with the initializer's call.
    """
    if not isinstance(param.init, FunctionValue):
        return param.init if isinstance(param.init, list) else to_float(param.init)
    source, reporter = built.assembly, Reporter()
    a = Assembly(reporter, source.dtype, (), False, True, source.top, source.library)
    a.scope.values.update(built.constants)
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
    e, f = _call(a, param, rest)
    try:
        if extra:
            count = f"{len(rest)} argument{'' if len(rest) == 1 else 's'}"
            message = f"`{param.init.name}` takes {count} besides the shape, and {len(param.init.args)} are given"
            tree = f.formula.tree
            raise Fault("wrong-arity", message, tree.args[len(rest)] if isinstance(tree, Call) and len(tree.args) > len(rest) else tree)
        value = a.use(FunctionValue(target), [], named, e, f)
        if is_number(value):
            return to_float(value)  # type: ignore[arg-type]
        if isinstance(value, Ref) and a.builder.shape(value.node) in (param.shape, ()):
            return a.builder.graph, value.node
        raise Fault("wrong-type", f"the initializer `{param.init.name}` does not give values of shape {list(param.shape)}")
    except Fault as fault:
        a.located(fault, f)
    except Poisoned:
        pass
    raise SpecError(reporter.errors)


def _call(a: Assembly, param: Param, names: Sequence[str]) -> tuple[Call, Frame]:
    """The initializer's call as the spec has it, all arguments by name; `names` are those that it may give by position."""
    init, written = param.init, param.written
    assert written is not None
    tree = written.formula.tree
    f = a.frame(written.formula, written.path, param.name)
    f.positions, f.source = written.positions, a.source_id(written.scope.file)
    args: tuple[tuple[str, Expr], ...] = ()
    if isinstance(tree, Call) and len(tree.args) == len(init.args) and len(tree.kwargs) == len(init.kwargs):
        args = (*zip(names, tree.args, strict=False), *tree.kwargs)
    return Call(init.name, (), args, False, tree.first, tree.first, tree.last), f


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
        return [*target.operands, *(a.name for a in target.settable)]
    return []
