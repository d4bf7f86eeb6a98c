"""The forms that are called like functions: `repeat`, `scan`, `share`, `split`, `stop_gradient`, and what asks for dimensions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from graphrun.autodiff.reverse import extend
from graphrun.build.arguments import bind, given
from graphrun.build.frame import Frame
from graphrun.build.judged import JudgedForms
from graphrun.build.names import CallRecord, Context, pairs
from graphrun.build.steps import LIMIT, too_many
from graphrun.build.unknown import attribute
from graphrun.build.values import Fault, FunctionValue, ListValue, Ref, Value, describe, is_number, whole
from graphrun.errors import Diagnostic
from graphrun.expr.tree import Call, Expr, Name
from graphrun.ir.leaves import CONST
from graphrun.ir.types import Sym, is_real, shape_text, size
from graphrun.ops.registry import OPS
from graphrun.spec.spec import Function

__all__ = ["SpecialForms"]


class SpecialForms(JudgedForms):
    """Lowers the special forms; the calls of functions are in `expand`."""

    contexts: dict[str, Context]  # of the nodes of the top-level graph, by name
    asks_shape: bool = False  # whether a formula asked for the shape of a value

    @abstractmethod
    def use(self, function: FunctionValue, args: Sequence[Any], kwargs: dict[str, Any], e: Expr, f: Frame, numbered: bool = False) -> Value:
        """Calls a function on values."""

    def special(self, name: str, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame) -> Value:
        """The forms that are called like functions."""
        match name:
            case "repeat":
                return self._repeat(bind(name, ["x", "f", "n"], [True] * 3, args, kwargs, e), e, f)
            case "scan":
                return self._scan(bind(name, ["x", "f", "start", "axis"], [True, True, True, False], args, kwargs, e), e, f)
            case "stop_gradient":
                (x,) = bind(name, ["x"], [True], args, kwargs, e)
                return Ref(self.emit(OPS["stop_gradient"], [self.node(x, e, f)], {}, e, f, e.args))
            case "grad":
                return self._grad(bind(name, ["J", "w"], [True, True], args, kwargs, e), e, f)
            case "equal_shapes" | "last_axes" | "machine_epsilon" | "class_probabilities" | "class_indices":
                return self.judged(name, args, kwargs, e, f)
            case "split":
                return self._split(bind(name, ["x", "split_size_or_sections", "axis"], [True, True, False], args, kwargs, e), e, f)
            case "sort" | "topk" | "qr" | "einsum" | "clip" | "slice":
                return self.composed(name, args, kwargs, e, f)
            case "share":
                raise Fault("not-a-function", "`share` takes the name of a node and stands right of `->`", e)
            case _:
                return self._dimension(name, args, kwargs, e, f)

    def _grad(self, bound: Sequence[Any], e: Call, f: Frame) -> Value:
        """The gradient of the scalar J with respect to a named value: the steps of the backward pass become steps of the formula."""
        given_as = [*e.args, *(x for _, x in e.kwargs)]
        named = dict(e.kwargs).get("w", e.args[1] if len(e.args) > 1 else e)
        text = f.formula.source(named)
        if not isinstance(named, Name) or not isinstance(bound[1], Ref):
            raise Fault(
                "wrong-type", f"`grad(J, w)` is taken with respect to a value that has a name; `{text}` is {describe(bound[1])}", named,
                help="give it a node of its own, from which J is computed",
            )  # fmt: skip
        b = self.builder
        of, wrt = self.node(bound[0], given_as[0], f), bound[1].node
        what = f.formula.source(given_as[0])
        for node, word in ((of, what), (wrt, text)):
            if not is_real(b.dtype(node)):
                raise Fault("dtype-mismatch", f"`{word}` is {b.dtype(node)} and has no derivatives", e)
        if b.shape(of):
            raise Fault(
                "non-scalar-loss", f"`grad` is the gradient of one number, and `{what}` has shape {shape_text(b.shape(of))}", given_as[0],
                help=f"reduce it: `grad(sum({what}), {text})`",
            )  # fmt: skip
        if not b.graph.ancestors([of])[wrt]:
            message = f"`{what}` does not depend on `{text}`: this gradient is zero"
            start, end = f.formula.span(e)
            self.tell(Diagnostic("zero-gradient", message, f.place(start, end), "warning", (), "compute the one from the other"))
        self.bound(e, f)
        b.owner, b.tag, b.call, b.place = f.context.owner, f.tag, f.call, f.packed(e)
        start = len(b)
        found = b.prune(start, extend(b, of, wrt))
        f.context.steps += [i for i in range(start, len(b)) if b.graph.op(i) is not CONST]
        return Ref(found)

    def _dimension(self, name: str, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame) -> Value:
        x, axis = (
            bind(name, ["x", "axis"], [True, False], args, kwargs, e)
            if name == "dim"
            else (*bind(name, ["x"], [True], args, kwargs, e), -1)
        )
        shape = self.builder.shape(self.node(x, e.args[0] if e.args else e, f))
        self.asks_shape = True
        if name == "shape":
            return ListValue(shape)
        if name == "rank":
            return len(shape)
        if name == "size":
            return size(shape)
        at = whole(axis) if given(axis) else -1
        if at is None or not -len(shape) <= at < len(shape):
            raise Fault("bad-index", f"there is no axis {describe(axis) if given(axis) else -1} in shape {shape_text(shape)}", e)
        return shape[at]

    def _repeat(self, bound: Sequence[Any], e: Call, f: Frame) -> Value:
        x, function, n = bound
        times = whole(n)
        if times is None or times < 0:
            raise Fault("wrong-type", f"`repeat` takes a whole number of copies; here it is {describe(n)}", e)
        if not isinstance(function, FunctionValue):
            raise Fault("not-a-function", f"`repeat` takes a function; here it is {describe(function)}", e)
        if times > LIMIT:
            raise too_many(e)
        copies = self.copy("repeat", e, f, numbered=False)
        value = x
        past: list[Any] = []
        for k in range(times):
            if self.settled(past, value, times - k, e, f):
                break
            value = self.use(function, [value], {}, e, copies, numbered=True)
        return value  # type: ignore[no-any-return]

    def settled(self, past: list[Any], value: Any, left: int, e: Expr, f: Frame) -> bool:
        """Whether the `left` rounds of a repeat or scan that follow, with `value` passed on, need not be made; see `counting`."""
        self.grow(e, f)
        return False

    def copy(self, name: str, e: Call, f: Frame, *, numbered: bool = True) -> Frame:
        """The frame in which the calls of one form count as one: a repeat, or a copy that is more than a call."""
        record = CallRecord(name, like=f.like(len(f.calls)), numbered=numbered, written=(f.formula, e.first, e.last))
        record.call = self.builder.call_id("", name, f.call, f.packed(e))
        f.calls.append(record)
        return replace(f, calls=record.children, call=record.call, likes=record.like.children if record.like else None, base=None)

    def _scan(self, bound: Sequence[Any], e: Call, f: Frame) -> Value:
        x, function, start, axis = bound
        if not isinstance(function, FunctionValue):
            raise Fault("not-a-function", f"`scan` takes a function; here it is {describe(function)}", e)
        if isinstance(x, ListValue) and all(map(is_number, x.items)):
            x = Ref(self.node(x, e, f))  # an array, of which each number is a position
        sequences = list(x.items) if isinstance(x, ListValue) else [x]
        at = whole(axis) if given(axis) else 0
        nodes = [self.node(s, e, f) for s in sequences]
        lengths = {}
        for node in nodes:
            shape = self.builder.shape(node)
            if at is None or not -len(shape) <= at < len(shape):
                raise Fault(
                    "bad-index", f"`scan` runs along axis {describe(axis) if given(axis) else 0}, and the shape is {shape_text(shape)}", e
                )
            lengths[node] = shape[at]
        length = next(iter(lengths.values()))
        sizes = ", ".join(str(v) for v in dict.fromkeys(lengths.values()))
        if isinstance(length, Sym) or any(other != length for other in lengths.values()):
            raise Fault(
                "scan-length", f"the length of a scan is a number, and here it is {sizes}", e,
                help="take the length from `config`: `config: {length: 256}`, `x: {shape: [batch, length, 8]}`",
            )  # fmt: skip
        if length == 0:
            raise Fault("scan-length", "there is nothing to scan: the length is 0", e)
        if length > LIMIT:
            raise too_many(e)
        assert at is not None
        return self._positions(nodes, isinstance(x, ListValue), function, start, at, length, e, f)

    def _positions(
        self, nodes: Sequence[int], many: bool, function: FunctionValue, start: Any, axis: int, length: int, e: Call, f: Frame
    ) -> Value:
        carry: Any = start
        carries: list[list[Any]] = []
        first: list[CallRecord] = []
        mark = len(f.calls)
        after = self.builder.graph.tags[f.tag][1]
        past: list[Any] = []
        for t in range(length):
            if self.settled(past, carry, length - t, e, f):
                carries += carries[-1:] * (length - t)
                break
            at = replace(f, tag=self.builder.tag_id("", f"{after}@{t}"), base=f.base)
            if t:
                at = replace(at, calls=[], likes=first, base=f.base)
            slices = [self._one(node, axis, t, e, at) for node in nodes]
            carry = self.use(function, [carry, ListValue(tuple(slices)) if many else slices[0]], {}, e, at)
            if t:
                f.context.echoes += pairs(at.calls, first)
            else:
                first = f.calls[mark:]
            carries.append(list(carry.items) if isinstance(carry, ListValue) else [carry])
        stacks = []
        for column in zip(*carries, strict=True):
            inputs = [self.node(v, e, f) for v in column]
            rank = len(self.builder.shape(inputs[0])) + 1
            stacks.append(Ref(self.emit(OPS["stack"], inputs, {"axis": min(axis if axis >= 0 else rank + axis, rank - 1)}, e, f)))
        return ListValue(tuple(stacks)) if isinstance(carry, ListValue) else stacks[0]

    def _one(self, node: int, axis: int, t: int, e: Call, f: Frame) -> Ref:
        rank = len(self.builder.shape(node))
        axis %= rank
        index = tuple((t, t + 1, 1) if k == axis else None for k in range(rank))
        return Ref(self.emit(OPS["slice"], [node], {"index": index, "squeeze": (axis,)}, e, f))

    def _split(self, bound: Sequence[Any], e: Call, f: Frame) -> Value:
        x, sections, axis = bound
        node = self.node(x, e.args[0] if e.args else e, f)
        shape = self.builder.shape(node)
        at = whole(axis) if given(axis) else 0
        if at is None or not -len(shape) <= at < len(shape):
            raise Fault("bad-index", f"there is no axis {describe(axis)} in shape {shape_text(shape)}", e)
        at %= len(shape)
        length, each = shape[at], whole(sections)
        if not isinstance(length, int) or (each is not None and each < 1):
            raise Fault("wrong-type", f"`split` cuts an axis whose size is a number into parts of at least 1; here {length}", e)
        if each and length // each > LIMIT:
            raise too_many(e)
        sizes: list[int | None]
        sizes = [whole(s) for s in sections.items] if isinstance(sections, ListValue) else [each] * (length // each) if each else [None]
        if each and (length % each or not length):
            sizes.append(length % each)
        if any(s is None for s in sizes) or sum(s for s in sizes if s) != length:
            raise Fault("wrong-type", f"the parts of `split` must be whole numbers that add up to {length}; here {describe(sections)}", e)
        out, begin = [], 0
        for s in sizes:
            index = tuple((begin, begin + (s or 0), 1) if k == at else None for k in range(len(shape)))
            out.append(Ref(self.emit(OPS["slice"], [node], {"index": index, "squeeze": ()}, e, f)))
            begin += s or 0
        return ListValue(tuple(out))

    def _shared(self, args: list[Expr], f: Frame, e: Call, supplied: int) -> FunctionValue:
        """The layer that a node called, to be called again on `supplied` values; what it was given behind these stays as it was."""
        if not args or not isinstance(args[0], Name):
            raise Fault("wrong-type", "`share` takes the name of the node that made the layer", e, help="write `x -> share(h)`")
        if e.kwargs:
            mend = "leading arguments are replaced: `x -> share(h, b)`"
            raise Fault("unknown-argument", f"`share` has no argument `{e.kwargs[0][0]}`", e, help=mend)
        name = f.formula.name(args[0])
        if f.scope.sees(name):
            self.lookup(name, args[0], f)  # nothing more is said of a node that has a fault
        holding = [c for c in self.context_of(name, f, args[0]).calls if c.holds()]
        record = holding[-1] if holding else None
        if record is not None and not all(record.around(c) for c in holding[:-1]):
            message = f"`{name}` calls several layers, and none around the others, so it is not known which one to share"
            raise Fault("wrong-type", message, args[0], help="give the one that is meant a node of its own")
        if record is None or record.function_value is None:
            raise Fault("wrong-type", f"`{name}` is not one layer's call, so there is nothing to share", args[0])
        fn = record.function_value.target
        assert isinstance(fn, Function)
        leading = [self.lower(a, f) for a in args[1:]]
        names = [n for n, _ in fn.signature.args][supplied + len(leading) :]
        kept = {n: self.known(record.bound[n], f"{n}` of `{fn.signature.name}", args[0]) for n in names}
        return FunctionValue(fn, tuple(leading), kept, shared=record)

    @abstractmethod
    def known(self, value: Any, text: str, e: Expr) -> Any:
        """A value that an earlier call holds; see `expand`."""

    def context_of(self, name: str, f: Frame, e: Expr) -> Context:
        """The context of the node `name` that is seen from here."""
        if f.scope.record is not None and name in f.scope.record.contexts:
            return f.scope.record.contexts[name]
        own = f.scope.record is not None and (name in f.scope.values or name in f.scope.lazy or name in f.scope.functions)
        found = None if own or (f.scope.record is not None and f.scope.outer is None) else self.contexts.get(name)
        if found is None:
            raise (
                self.unknown(name, e, f)
                if not f.scope.sees(name)
                else Fault("unknown-name", f"`{name}` is not a node, so nothing is inside it", e, help=attribute(name, _last(e, f)))
            )
        return found


def _last(e: Expr, f: Frame) -> str:
    return f.formula.name(e).rpartition(".")[2] if isinstance(e, Name) else ""
