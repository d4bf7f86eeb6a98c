"""Formulas, parameters and shapes entered in the graph: what `build` makes a whole spec of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphrun.build.arguments import list_constant
from graphrun.build.expand import Expansion
from graphrun.build.frame import Frame
from graphrun.build.lower import POISON
from graphrun.build.names import Context, Scope, name_contexts, name_elements, number_steps
from graphrun.build.static import Static
from graphrun.build.values import Fault, FunctionValue, ListValue, Param, Poisoned, Ref, State, Value, describe, is_number, to_float, whole
from graphrun.errors import Diagnostic, Reporter
from graphrun.expr.tree import Call, Expr, Formula, ListExpr, Name
from graphrun.ir.types import DType, OpFault, Shape, Sym, refuse_too_large, shape_text
from graphrun.ops.registry import OPS
from graphrun.spec.models import ParamModel, StateModel
from graphrun.spec.spec import File, Function, Path

__all__ = ["Assembly", "list_shape"]


class Assembly(Expansion):
    """A graph in the making: names, formulas, parameters."""

    def __init__(
        self,
        reporter: Reporter,
        dtype: DType,
        dims: Sequence[str],
        training: bool,
        one_row: bool,
        top: File,
        library: Mapping[str, Function],
    ) -> None:
        super().__init__(reporter, dtype, dims, training, one_row)
        self.library = library
        self.shipped = frozenset(fn.file for fn in library.values())
        self.params: list[Param] = []
        self.circular: set[Function] = set()
        self.states: list[State] = []
        self.leaves: list[Param] = []
        self.updated: list[State] = []
        self.contexts: dict[str, Context] = {}
        self.static = Static(self.find, self.formulas)
        self.top = top
        self.scope = Scope(top)
        self.declared: Sequence[str] = ()  # the nodes of the top-level graph, made or to be made
        self.taken: dict[str, str] = {}  # names with dots → what bears them

    def seen(self, f: Frame) -> tuple[list[str], list[str]]:
        """The names of values that a formula may use, nodes that come later among them, and those without a fault of their own."""
        top = f.scope
        while top.outer is not None:
            top = top.outer
        later = self.declared if top is self.scope and f.path[:1] not in (("inputs",), ("params",)) else ()
        own = f.path[1] if f.path[:1] == ("nodes",) else None
        names = [n for n in dict.fromkeys([*f.scope.names(), *later]) if n.isidentifier() and n != own]
        poisoned = {n for s in (f.scope, top) for n, v in s.values.items() if v is POISON}
        return names, [n for n in names if n not in poisoned and n not in self.top.lost.names]

    def globals_for(self, file: File) -> Scope | None:
        """The top-level scope for functions of the top file; None for others."""
        return self.scope if file is self.top else None

    def frame(self, formula: Formula, path: Path, name: str = "", scope: Scope | None = None) -> Frame:
        """A formula of the top file, with a context of its own."""
        context = Context(self.builder.name_id(name), name, None, path=name)
        return Frame(formula, self.top.positions, path, scope or self.scope, context, context.calls, -1, 0, self.source_id(self.top))

    # -- nodes ----------------------------------------------------------------------------------------------------

    def node_of(self, name: str, formulas: list[Formula], path: Path) -> Any:
        """Lowers a node of the top-level graph and names all that it made; POISON where it has a fault."""
        if not formulas:
            return POISON
        f = self.frame(formulas[0], path, name)
        self.contexts[name] = f.context
        value = self.named(formulas, f)
        name_elements(self.builder.graph, f.context)
        records = name_contexts(self.builder, f.context)
        for record in records:
            inner = [*(f"{record.path}.{p}" for p in (*record.params, *record.states)), *(c.path for c in record.contexts.values())]
            for full in inner:
                if full in self.taken:
                    where = f"`{record.function}` and `{self.taken[full]}`"
                    fault = Fault(
                        "name-clash", f"two things are called `{full}`: {where} both hold it", help="give the calls nodes of their own"
                    )
                    self.located(fault, f)
                    return POISON
                self.taken[full] = record.function
        return value

    def named(self, formulas: list[Formula], f: Frame) -> Any:
        """The value of a node: its formula, or the stages of its chain, lowered, and the steps numbered. POISON where it has a fault."""
        if not formulas:
            return POISON
        try:
            value: Value = None
            for k, formula in enumerate(formulas):
                f.formula, f.base = formula, None
                if len(formulas) > 1:
                    f.path = (*(f.path[:-1] if k else f.path), k)
                f.hole = value
                value = self.lower(formula.tree, f)
            return self._finish(value, formulas[-1].tree, f)
        except Fault as fault:
            self.located(fault, f)
        except Poisoned:
            pass
        self._tell_unknown(formulas, f)
        return POISON

    def tell_unknown_functions(self, named: Iterable[tuple[str, Expr]], f: Frame) -> None:
        """Tells those of the functions that a formula names which there are not."""
        for name, at in named:
            if isinstance(at, Name) and f.scope.sees(name):
                continue
            if self.find(f.scope.file, name) is None and not self.lost_function(f.scope.file, name):
                self.located(self.unknown_function(name, f, at, at.callee if isinstance(at, Call) else None), f)

    def _tell_unknown(self, formulas: list[Formula], f: Frame) -> None:
        """Tells every name that nothing has, in formulas that cannot be lowered to their end."""
        path = f.path[:-1] if len(formulas) > 1 else f.path
        for k, formula in enumerate(formulas):
            f.formula, f.path, f.base = formula, (*path, k) if len(formulas) > 1 else path, None
            found = self.static.references(formula, f.scope.file, f.scope.functions)
            self.tell_unknown_functions(found.functions, f)
            for name, at in found.values:
                base = name.partition(".")[0]
                known = {"pi", "inf", "training", *self.dims}
                if f.scope.sees(base) or base in f.scope.functions or base in known or self.lost(base, f):
                    continue
                if not self.is_function(name, f):  # it may stand where the call of an unknown function wants one
                    self.located(self.unknown(name, at, f), f)

    def _finish(self, value: Value, e: Expr, f: Frame) -> Value:
        """Gives the formula's name to the step that computes its value; a mere name becomes an `identity` step."""
        context = f.context
        if isinstance(e, ListExpr) and isinstance(value, ListValue) and list_constant(value, e) is not None:
            value = Ref(self.emit(OPS["identity"], [self.node(value, e, f)], {}, e, f))
        if isinstance(value, ListValue):
            items = []
            for v in value.items:
                context.elements.append(self.builder.reserve_name())
                items.append(Ref(self._final(v, context.elements[-1], e, f)))
            number_steps(self.builder, context, None)
            for owner, item in zip(context.elements, items, strict=True):
                self.builder.set_owner(item.node, owner)
            return ListValue(tuple(items))
        final = self._final(value, context.owner, e, f)
        number_steps(self.builder, context, final)
        return Ref(final)

    def _final(self, value: Value, owner: int, e: Expr, f: Frame) -> int:
        b = self.builder
        if isinstance(value, Ref):
            if b.graph._owner[value.node] == f.context.owner and b.graph._tag[value.node] == f.tag:
                return value.node
            return self.emit(OPS["identity"], [value.node], {}, e, f)
        if is_number(value) or isinstance(value, bool):
            b.owner, b.tag, b.call, b.place = owner, f.tag, f.call, f.packed(e)
            i = b.fresh_const(value if isinstance(value, bool) else to_float(value), "bool" if isinstance(value, bool) else self.dtype)  # type: ignore[arg-type]
            f.context.steps.append(i)
            return i
        if isinstance(value, FunctionValue | str) or value is None:
            raise Fault("not-a-value", f"a node is a value of the graph; this is {describe(value)}", e)
        return self.emit(OPS["identity"], [self.node(value, e, f)], {}, e, f)

    # -- parameters and shapes ------------------------------------------------------------------------------------

    def new_param(self, name: str, model: Any, path: Path, f: Frame, file: File) -> Param:
        """A parameter from its entry: a number or list, or `{shape, init, trainable}`; a state from its `{shape, init, update}`."""
        place = file.positions.key(path)
        if not isinstance(model, ParamModel | StateModel):
            return Param(name, list_shape(model), self.dtype, model, True, None, place)
        at = replace(f, path=(*path, "init"), base=None)
        init: Any = model.init
        if isinstance(init, str):
            parsed = self.parsed(init, file.positions, at.path)
            if parsed is None:
                raise Poisoned
            at.formula = parsed[0]
            try:
                init = self._initial(parsed[0], at)
            except Fault as fault:
                raise self.located(fault, at) from None
        what = "parameter" if isinstance(model, ParamModel) else "state"
        given = list_shape(init) if isinstance(init, list) else ()
        shape = given if model.shape is None else self.shape_of(model.shape, (*path, "shape"), f, file)
        if any(isinstance(d, Sym) for d in shape) or 0 in shape:
            outside = self.caller(f)
            inside = f"in `{outside[1]}`: " if outside is not None else ""
            self.tell(
                Diagnostic(
                    "parameter-shape",
                    f"{inside}the shape {shape_text(shape)} of {what} `{name}` has a size that is {'0' if 0 in shape else 'not a number'}",
                    outside[0] if outside is not None else file.positions.value((*path, "shape")),
                    notes=tuple(g.words() for g in self._given()[0]) if outside is not None else (),
                    help="a size is 1 or more"
                    if 0 in shape
                    else f"a {what} has the same size for every batch: use numbers or `config` names",
                )  # fmt: skip
            )
            raise Poisoned
        if isinstance(init, list) and given != shape:
            message = f"`{name}` has shape {shape_text(shape)}, and its initial value has shape {shape_text(given)}"
            self.tell(
                Diagnostic("shape-mismatch", message, file.positions.value(at.path), help="leave `shape` out, or give as many numbers")
            )
            raise Poisoned
        sizes = tuple(d for d in shape if isinstance(d, int))
        trained = isinstance(model, ParamModel) and model.trainable
        return Param(name, sizes, self.dtype, init, trained, None, place, at if isinstance(init, FunctionValue) else None)

    def _initial(self, formula: Formula, f: Frame) -> Any:
        """An `init` that is written as a formula: an initializer's call, or a number."""
        tree = formula.tree
        name = formula.source(tree).partition("(")[0].strip()
        own = isinstance(tree, Name) and f.scope.record is not None and f.scope.holds(name)
        if not own and (self.find(f.scope.file, name) is not None or name in f.scope.functions or name in ("normal", "uniform")):
            found = self.initializer(tree, f)
            if found is not None:
                return found
        value = self.lower(tree, f)
        if is_number(value):
            return to_float(value)  # type: ignore[arg-type]
        if isinstance(value, FunctionValue):
            return value
        raise Fault("wrong-type", f"an initial value is a number, a list of numbers or an initializer; this is {describe(value)}", tree)

    def initializer(self, tree: Expr, f: Frame) -> FunctionValue | None:
        """The function at `tree`, to be called over `shape`; the random operations are allowed here."""
        self.initializing = True
        try:
            return self.as_function(tree, f, 1)
        finally:
            self.initializing = False

    def shape_of(self, items: Sequence[int | str], path: Path, f: Frame, file: File) -> Shape:
        """A shape: whole numbers, names of dimensions and of `config`, arithmetic on them; a list among them stands for its elements."""
        out: list[int | Sym] = []
        for k, item in enumerate(items):
            if isinstance(item, int):
                if item < 0:
                    place = file.positions.value((*path, k))
                    self.tell(Diagnostic("wrong-type", f"a size cannot be negative: {item}", place))
                    raise Poisoned
                out.append(item)
                continue
            parsed = self.parsed(item, file.positions, (*path, k))
            if parsed is None:
                raise Poisoned
            at = replace(f, formula=parsed[0], path=(*path, k), base=None)
            try:
                value = self.lower(parsed[0].tree, at)
                for v in value.items if isinstance(value, ListValue) else (value,):
                    if not isinstance(v, Sym) and whole(v) is None:
                        mend = f"write {v} without quotes" if isinstance(v, str) and v.isdecimal() else None
                        message = f"a size is a whole number or the name of a dimension; this is {describe(v)}"
                        raise Fault("wrong-type", message, parsed[0].tree, help=mend)
                    size = v if isinstance(v, Sym) else whole(v)
                    if isinstance(size, int) and size < 0:
                        raise Fault("wrong-type", f"a size cannot be negative: {size}", parsed[0].tree)
                    out.append(size)  # type: ignore[arg-type]
            except Fault as fault:
                if fault.code == "unknown-name":
                    fault.fix = None  # a dimension that is not declared, perhaps
                    if item.isidentifier():
                        fault.help = (f"{fault.help}; or declare it" if fault.help else "declare it") + f": `dims: [{item}]`"
                raise self.located(fault, at) from None
        try:
            refuse_too_large(out)
        except OpFault as fault:
            outside = self.caller(f)
            inside, place = (f"in `{outside[1]}`: ", outside[0]) if outside is not None else ("", file.positions.value(path))
            self.tell(Diagnostic(fault.code, inside + fault.message, place, help=fault.help))
            raise Poisoned from None
        return tuple(out)


def list_shape(value: Any) -> tuple[int, ...]:
    """The shape of a nested list (of its first elements; whether it is ragged is checked when it is read)."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)
