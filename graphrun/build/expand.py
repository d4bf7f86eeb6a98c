"""Calls: functions become their steps, with parameters of their own; `repeat`, `scan` and `share`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphrun.build.arguments import bind, given, known_arguments
from graphrun.build.frame import Frame
from graphrun.build.lower import POISON
from graphrun.build.names import CallRecord, Context, Scope, holder_of
from graphrun.build.names import set_aside as set_aside_calls
from graphrun.build.states import Stateful
from graphrun.build.static import INITIAL, SPECIALS, Static
from graphrun.build.values import Fault, FunctionValue, Gone, ListValue, Param, Poisoned, Ref, Special, Value, describe, with_refs
from graphrun.errors import Reporter, certain, nearest
from graphrun.expr.elsewhere import here
from graphrun.expr.tree import Call, Choice, Expr, Formula, Name, Nothing, Text
from graphrun.ir.leaves import PARAM
from graphrun.ir.opdef import OpDef
from graphrun.ops.registry import OPS
from graphrun.spec.spec import File, Function

__all__ = ["Expansion"]

DEPTH = 60  # calls within calls


class Expansion(Stateful):
    """Lowers calls. `functions` of the library come after a file's own and before the primitives."""

    static: Static
    library: Mapping[str, Function]
    reporter: Reporter
    params: list[Param]
    circular: set[Function]  # functions that call themselves, which has been told
    depth: int = 0
    aside: int = 0  # within how many branches that are not taken
    initializing: bool = False  # while an initializer is read or run, which may draw random values

    # -- which function -------------------------------------------------------------------------------------------

    def find(self, file: File, name: str) -> Function | OpDef | Special | None:
        """The function of that name that formulas of `file` see."""
        own = file.functions.get(name) or self.library.get(name) or SPECIALS.get(name)
        if own is not None:
            return own
        op = OPS.get(name)
        return op if op is not None and op.public else None

    def is_function(self, name: str, f: Frame) -> bool:
        """Whether a function of that name can be called here."""
        return name in f.scope.functions or self.find(f.scope.file, name) is not None

    def lost(self, name: str, f: Frame) -> bool:
        """Whether `name` may be a value of the file's graph that could not be read."""
        return self.globals_for(f.scope.file) is not None and f.scope.file.lost.value(name)

    def lost_function(self, file: File, name: str) -> bool:
        """Whether `name` may be a function that could not be read, or that is on a circle of calls."""
        if name in file.lost.functions:
            return True
        found = self.find(file, name)
        return (found is None and file.lost.any_function) or (isinstance(found, Function) and found in self.circular)

    def resolve(self, name: str, f: Frame, e: Expr) -> FunctionValue:
        """The function that a call names: an argument that holds one comes first."""
        token = e.callee if isinstance(e, Call) else None
        if name in f.scope.functions:
            value = f.scope.functions[name]
            if value is None:
                raise Fault(
                    "not-a-function", f"`{name}` is none here and cannot be called", e, token=token, help=f"call it only `if {name}`"
                )
            return value
        if self.lost_function(f.scope.file, name):
            raise Poisoned
        target = self.find(f.scope.file, name)
        if target is not None:
            return FunctionValue(target)
        raise self.unknown_function(name, f, e, token)

    def unknown_function(self, name: str, f: Frame, e: Expr, token: int | None) -> Fault:
        """The fault that no function has that name, with the nearest one."""
        names = [*f.scope.functions, *f.scope.file.functions, *self.library, *SPECIALS, *(n for n, op in OPS.items() if op.public)]
        near, meant = nearest(name, names), here(name)
        if meant is not None and (" " in meant or meant in names):
            return Fault("unknown-function", f"there is no function called `{name}`", e, token=token, help=f"that is `{meant}` here")
        if near:
            advice: str | None = f"did you mean `{near}`?"
        elif f.scope.sees(name):
            advice = f"`{name}` is a value; write `{name} * (…)` for a product, or define `{name}(…)` under `functions`"
        else:
            advice = f"define it under `functions`: `{name}(x): …`"
        return Fault("unknown-function", f"there is no function called `{name}`", e, token=token, help=advice, fix=certain(name, names))

    def as_function(self, e: Expr, f: Frame, leading: int) -> FunctionValue | None:
        """The function that stands at `e`: a name, none, or a call that lacks its `leading` first values."""
        if isinstance(e, Nothing):
            return None
        if isinstance(e, Choice):
            truth, by_training = self.truth(e.condition, f)
            taken, other = (e.then, e.otherwise) if truth else (e.otherwise, e.then)
            function = self.as_function(taken, f, leading)
            if by_training and function is not None:
                return replace(function, other=self.as_function(other, f, leading), first=truth)
            return function
        if isinstance(e, Name):
            name = f.formula.name(e)
            if name in f.scope.functions:
                return f.scope.functions[name]
            if name in f.scope.values and self.find(f.scope.file, name) is None:
                value = f.scope.values[name]
                if value is None or isinstance(value, FunctionValue):
                    return value
                raise Fault("not-a-function", f"`{name}` is {describe(value)}; a function is wanted here", e)
            return self.resolve(name, f, e)
        if isinstance(e, Call):
            if self.is_share(e, f):
                return self._shared(list(e.args), f, e, leading)
            target = self._called(e, f)
            args, kwargs = self._arguments(target, e, f, leading)
            return replace(target, args=(*args, *target.args), kwargs={**target.kwargs, **kwargs})
        fix = e.value if isinstance(e, Text) and self.is_function(e.value, f) else None
        mend = f"leave the quotes out: `{fix}`" if fix else None
        raise Fault("not-a-function", "a function is wanted here: a name, or a call that lacks its first values", e, help=mend, fix=fix)

    @abstractmethod
    def globals_for(self, file: File) -> Scope | None:
        """The top-level scope for functions of the top file; None for others."""

    # -- calls ----------------------------------------------------------------------------------------------------

    def lower_call(self, e: Call, f: Frame) -> Value:
        """The value of a call; a chain of them is walked in a loop, so that long ones work."""
        stages: list[tuple[Call, FunctionValue]] = []
        inner: Expr = e
        while isinstance(inner, Call) and (not stages or self._passes_on(*stages[-1], f)):
            stages.append((inner, self._callee(inner, f)))
            inner = inner.args[0] if inner.piped else inner
        passed: tuple[Value, ...] = ()
        for call, target in reversed(stages):
            if self.is_share(call, f):
                value = self.use(target, passed or [self.lower(call.args[0], f)], {}, call, f)
            else:
                args, kwargs = self._arguments(target, call, f, 0, passed)
                value = self.use(target, args, kwargs, call, f)
            passed = (value,)
        return passed[0]

    def _callee(self, e: Call, f: Frame) -> FunctionValue:
        """The function that a call calls."""
        if self.is_share(e, f):
            if not e.piped:
                raise Fault("wrong-arity", "`share(h)` is called on a value", e, help="pass a value on to it: `x -> share(h)`")
            return self._shared(list(e.args[1:]), f, e, 1)
        return self._called(e, f)

    def _called(self, e: Call, f: Frame) -> FunctionValue:
        """The function that a call names, which has arguments of the names that stand there."""
        found = self.resolve(e.func, f, e)
        if isinstance(found.target, Function | OpDef):
            known_arguments(found.target if isinstance(found.target, OpDef) else found.target.signature, e)
        return found

    def _passes_on(self, e: Call, target: FunctionValue, f: Frame) -> bool:
        """Whether what stands left of the arrow is a value that the function is called on."""
        return e.piped and (self.is_share(e, f) or 0 not in self.static.wanted(target.target))

    def _arguments(
        self, target: FunctionValue, e: Call, f: Frame, leading: int, passed: Sequence[Value] = ()
    ) -> tuple[list[Any], dict[str, Any]]:
        wanted = self.static.wanted(target.target)
        args = [self.argument(x, f, wanted.get(k + leading)) for k, x in enumerate(e.args[len(passed) :], len(passed))]
        return [*passed, *args], {k: self.argument(x, f, wanted.get(k)) for k, x in e.kwargs}

    def argument(self, e: Expr, f: Frame, wanted: int | None) -> Any:
        """What stands at an argument: a function where one is wanted, an initializer or a number for an initial value, else a value."""
        if wanted is None:
            return self.lower(e, f)
        if wanted != INITIAL:
            return self.as_function(e, f, wanted)
        if isinstance(e, Choice):
            return self.argument(e.then if self.truth(e.condition, f)[0] else e.otherwise, f, wanted)
        name = e.func if isinstance(e, Call) else f.formula.name(e) if isinstance(e, Name) else ""
        target = self.find(f.scope.file, name) if name not in f.scope.functions else f.scope.functions[name]
        function = isinstance(target, FunctionValue) or makes_values(target)
        return self.initializer(e, f) if function and not (isinstance(e, Name) and f.scope.holds(name)) else self.lower(e, f)

    @abstractmethod
    def initializer(self, tree: Expr, f: Frame) -> FunctionValue | None:
        """The function at `tree`, to be called over `shape`; see `assemble`."""

    def is_share(self, e: Call, f: Frame) -> bool:
        """Whether it is the call of a layer again: an argument or a function of the file's own may have the name."""
        return e.func == "share" and "share" not in f.scope.functions and "share" not in f.scope.file.functions

    def use(self, function: FunctionValue, args: Sequence[Any], kwargs: dict[str, Any], e: Expr, f: Frame, numbered: bool = False) -> Value:
        """Calls a function on values; what it was given before comes behind `args`."""
        call = e if isinstance(e, Call) else Call(function.name, (), (), False, e.first, e.first, e.last)
        if function.other is not None:
            f = self.copy("choice", call, f) if numbered else f
            taken, other = replace(function, other=None), function.other
            then, otherwise = (taken, other) if function.first else (other, taken)
            return self.both(function.first, lambda: self.use(then, args, kwargs, e, f), lambda: self.use(otherwise, args, kwargs, e, f), f)
        everything = [*args, *function.args]
        named = {**function.kwargs, **kwargs}
        if isinstance(function.target, OpDef):
            return self.primitive(function.target, everything, named, call, f)
        if isinstance(function.target, Special):
            f = self.copy(function.name, call, f) if numbered and function.name in ("repeat", "scan") else f
            return self.special(function.target.name, everything, named, call, f)
        return self._expand(function, function.target, everything, named, call, f, numbered)

    def _expand(
        self, value: FunctionValue, fn: Function, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame, numbered: bool
    ) -> Value:
        name = fn.signature.name
        if self.depth >= DEPTH:
            raise Fault(
                "recursion",
                f"`{name}` is called within calls more than {DEPTH} deep",
                e,
                help="a function cannot call itself; use `repeat`",
            )
        self.grow(e, f)
        names = [n for n, _ in fn.signature.args]
        bound = bind(name, names, [d is None for _, d in fn.signature.args], args, kwargs, e)
        record = CallRecord(name, like=value.shared or f.like(len(f.calls)), numbered=numbered, function_value=value)
        record.written = (f.formula, e.first, e.last)
        record.call = self.builder.call_id("", name, f.call, f.packed(e))
        f.calls.append(record)
        scope = Scope(fn.file, record=record, outer=self.globals_for(fn.file))
        inner = Frame(
            fn.signature.args[0][1] or f.formula if fn.signature.args else f.formula, fn.file.positions, fn.path, scope, f.context,
            record.children, record.call, f.tag, self.source_id(fn.file), key=True, likes=record.like.children if record.like else None,
        )  # fmt: skip
        self.depth += 1
        self.around.append(record)
        try:
            self._bind_arguments(fn, bound, scope, inner)
            record.bound = {**scope.values, **scope.functions}
            self.own_states(fn, record, scope, inner, e)
            return self._body(fn, record, scope, inner)
        finally:
            self.depth -= 1
            self.around.pop()

    def _bind_arguments(self, fn: Function, bound: Sequence[Any], scope: Scope, frame: Frame) -> None:
        wanted = self.static.function_arguments(fn)
        for (name, default), v in zip(fn.signature.args, bound, strict=True):
            found = v
            if not given(v):
                assert default is not None
                frame.formula = default
                frame.base = None
                try:
                    found = self.argument(default.tree, frame, wanted.get(name))
                except Fault as fault:
                    raise self.located(fault, frame) from None
            if wanted.get(name) == INITIAL:
                (scope.functions if isinstance(found, FunctionValue) else scope.values)[name] = found
            elif name in wanted:
                if found is not None and not isinstance(found, FunctionValue):
                    raise Fault("not-a-function", f"`{name}` of `{fn.signature.name}` is a function; here it is {describe(found)}")
                scope.functions[name] = found
            else:
                scope.values[name] = found

    def _body(self, fn: Function, record: CallRecord, scope: Scope, frame: Frame) -> Value:
        for name in fn.file.lost.inner.get(str(fn.path[-1]), ()):
            scope.values[name] = POISON
        for name in fn.model.params:
            scope.lazy[name] = lambda name=name: self.own_param(name, fn, record, scope, frame)  # type: ignore[misc]
        for name in self.node_order(fn):
            context = Context(self.builder.reserve_name(), name, record)
            likes = record.like.contexts[name].calls if record.like and name in record.like.contexts else None
            at = replace(frame, path=(*fn.path, "nodes", name), key=False, context=context, calls=context.calls, likes=likes, base=None)
            record.contexts[name] = context
            scope.values[name] = record.nodes[name] = self.named(self.formulas(fn)[f"nodes.{name}"], at)
        results = []
        if not self.formulas(fn)["returns"]:
            raise Poisoned
        path = self.returns_path(fn)
        for k, formula in enumerate(self.formulas(fn)["returns"]):
            at = replace(frame, formula=formula, path=(*path, k) if isinstance(fn.model.returns, list) else path, key=False, base=None)
            results.append(self.guarded(formula, at))
        self.update_states(fn, record, scope, frame)
        return ListValue(tuple(results)) if isinstance(fn.model.returns, list) else results[0]

    def guarded(self, formula: Formula, f: Frame) -> Value:
        """Lowers a formula of a function's body; a fault is told where the body stands."""
        f.formula = formula
        try:
            return self.lower(formula.tree, f)
        except Fault as fault:
            raise self.located(fault, f) from None

    def own_param(self, name: str, fn: Function, record: CallRecord, scope: Scope, frame: Frame) -> Value:
        """A parameter of a function, made when it is first used; a shared call takes that of the call it shares."""
        holder = holder_of(record)
        param = holder.params.get(name)
        if param is None:
            path = (*fn.path, "params", name)
            param = self.new_param(name, fn.model.params[name], path, replace(frame, path=path, key=False, base=None), fn.file)
            holder.params[name] = param
            self.params.append(param)
        return Ref(self._leaf(param, holder, fn.file))

    def _leaf(self, param: Param, holder: CallRecord, file: File) -> int:
        """The node of a parameter that the call `holder` holds."""
        if param.node is None:
            b = self.builder
            b.tag, b.call, b.place = 0, holder.call, self.pack(param.place, self.source_id(file))
            param.node = b.leaf(PARAM, "", param.shape, param.dtype)
            self.leaves.append(param)
            b.set_owner(param.node, b.reserve_name())
            if holder.path:
                b.graph.names[b.graph._owner[param.node]] = param.name
        return param.node

    def known(self, value: Any, text: str, e: Expr) -> Any:
        """A value that an earlier call holds; a fault where that stands in the branch of a choice that is not taken."""

        def found(v: Ref | Gone) -> Ref:
            if isinstance(v, Ref):
                return v
            if self.aside:  # nothing of what is made here stays
                return Ref(self.builder.leaf(PARAM, "", v.shape, v.dtype))
            when = "false" if self.training else "true"
            raise Fault(
                "condition-not-known", f"`{text}` is computed only where `training` is {when}", e,
                help="give it a node of its own, outside of the choice",
            )  # fmt: skip

        return with_refs(value, found)

    def both(self, truth: bool, then: Callable[[], Value], otherwise: Callable[[], Value], f: Frame) -> Value:
        """The branch taken; the other one is set aside: its calls are counted and its faults told, and its steps taken back."""

        def set_aside(branch: Callable[[], Value]) -> None:
            mark, steps, calls = len(self.builder), len(f.context.steps), len(f.calls)
            self.aside += 1
            try:
                branch()
            finally:
                self.aside -= 1
            set_aside_calls(f.calls[calls:], self.builder.graph, mark)
            self.builder.truncate(mark)
            del f.context.steps[steps:]
            self.forget(mark)

        if truth:
            value = then()
            set_aside(otherwise)
            return value
        set_aside(then)
        return otherwise()

    def inside(self, base: str, rest: str, value: Any, scope: Scope, e: Expr, f: Frame) -> Value:
        """What `base.rest` is: an element of a list, or what the layer that node `base` called holds."""
        parts = rest.split(".")
        if isinstance(value, ListValue) and len(parts) == 1 and parts[0].isdigit() and int(parts[0]) < len(value.items):
            return value.items[int(parts[0])]  # type: ignore[no-any-return]
        context = self.context_of(base, f, e)
        calls, held = context.calls, dict[str, None]()
        while parts:
            holding = [c for c in calls if c.holds()]
            single = len(holding) == 1 and not holding[0].numbered
            held.update({} if single else dict.fromkeys(str(k) for k in range(len(holding))))
            if single:
                record = holding[0]
            elif parts[0].isdigit() and int(parts[0]) < len(holding):
                record = holding[int(parts[0])]
                parts = parts[1:]
            else:
                break
            if not parts:
                break
            head = parts[0]
            if len(parts) == 1 and (found := self._held(head, record)) is not None:
                return self.known(found, f"{base}.{rest}", e)  # type: ignore[no-any-return]
            held.update(dict.fromkeys([*holder_of(record).params, *record.used, *record.nodes]))
            if head in record.contexts:
                calls, parts = record.contexts[head].calls, parts[1:]
            else:
                calls = record.children
        near = nearest(rest.rsplit(".", maxsplit=1)[-1], held)
        listed = ", ".join(f"`{base}.{h}`" for h in held)
        raise Fault(
            "unknown-name", f"there is no `{rest}` in `{base}`", e,
            help=f"did you mean `{base}.{near}`?" if near else f"it holds {listed}" if held else f"`{base}` calls no layer that holds any",
        )  # fmt: skip

    def _held(self, name: str, record: CallRecord) -> Any:
        """The parameter, state or inner node `name` of a call; None where it holds none."""
        holder = holder_of(record)
        function = holder.function_value
        if function is not None and isinstance(function.target, Function):
            if name in holder.params:
                return Ref(self._leaf(holder.params[name], holder, function.target.file))
            if name in record.used:
                return Ref(self.state_leaf(record.used[name], holder, function.target.file))
        return record.nodes.get(name)


def makes_values(target: Any) -> bool:
    """Whether a function is an initializer: it gives values of a shape, from nothing else of the graph."""
    if isinstance(target, Function):
        return any(name in ("shape", "fan_in", "fan_out") for name, _ in target.signature.args)
    return isinstance(target, OpDef) and not target.operands
