"""Calls made of several operations or with several results: `sort`, `topk`, `qr`, `einsum`, `slice`, `clip` between values."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from graphrun.build.arguments import attribute, bind, given
from graphrun.build.frame import Frame
from graphrun.build.lower import Lowering
from graphrun.build.values import Fault, ListValue, Ref, Value, describe, whole
from graphrun.expr.tree import Call
from graphrun.ir.opdef import Attr
from graphrun.ir.types import OpFault, shape_text
from graphrun.ops.einsum import einsum
from graphrun.ops.registry import OPS

__all__ = ["ComposedForms"]


class ComposedForms(Lowering):
    """Lowers them."""

    def composed(self, name: str, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame) -> Value:
        """The value of a call of one of them."""
        match name:
            case "sort":
                wanted = ["x", "axis", "descending", "stable"]
                x, axis, descending, stable = bind(name, wanted, [True, False, False, False], args, kwargs, e)
                self._flag(name, "stable", stable, False, e)  # equal elements keep their order either way
                flag = self._flag(name, "descending", descending, False, e)
                return self._ordered(x, axis, flag, None, e, f)
            case "topk":
                wanted = ["x", "k", "axis", "largest", "sorted"]
                x, k, axis, largest, in_order = bind(name, wanted, [True, True, False, False, False], args, kwargs, e)
                self._flag(name, "sorted", in_order, True, e)  # the elements are in order either way
                return self._ordered(x, axis, self._flag(name, "largest", largest, True, e), k, e, f)
            case "qr":
                x, mode = bind(name, ["x", "mode"], [True, False], args, kwargs, e)
                if given(mode) and mode != "reduced":
                    raise Fault("wrong-type", f"`mode` of `qr` is 'reduced', not {describe(mode)}", e, help="leave it out")
                return self._qr(x, e, f)
            case "clip":
                return self._clip(args, kwargs, e, f)
            case "slice":
                wanted = ["x", "axis", "start", "end", "step"]
                return self._slice_of(bind(name, wanted, [True, False, False, False, False], args, kwargs, e), e, f)
            case _:
                return self._einsum(args, kwargs, e, f)

    def _flag(self, function: str, name: str, value: Any, default: bool, e: Call) -> bool:
        return bool(attribute(function, Attr(name, "bool", default), value, e)) if given(value) else default

    def _ordered(self, x: Any, axis: Any, descending: bool, k: Any, e: Call, f: Frame) -> ListValue:
        """The elements in order, and where they stood; the first `k` of them."""
        node = self.node(x, e.args[0] if e.args else e, f)
        at = attribute("sort", Attr("axis", "axis", -1), axis, e) if given(axis) else -1
        index = self.emit(OPS["sort_index"], [node], {"axis": at, "descending": descending}, e, f, e.args)
        shape = self.builder.shape(node)
        if k is not None:
            count, length = whole(k), shape[at]
            if count is None or count < 0 or (isinstance(length, int) and count > length):
                raise Fault(
                    "wrong-type", f"`k` of `topk` is a whole number up to the length of the axis, {length}; here it is {describe(k)}", e,
                    notes=(f"the shape is {shape_text(shape)}",),
                )  # fmt: skip
            span = (*(None,) * (at % len(shape)), (0, count, 1))
            index = self.emit(OPS["slice"], [index], {"index": span, "squeeze": ()}, e, f, e.args)
        values = self.emit(OPS["take_along"], [node, index], {"axis": at}, e, f, e.args)
        return ListValue((Ref(values), Ref(index)))

    def _slice_of(self, bound: Sequence[Any], e: Call, f: Frame) -> Ref:
        """A stretch of one axis, as an index says it too: `x[:, 1:3]`."""
        x, axis, *span = bound
        node = self.node(x, e.args[0] if e.args else e, f)
        at = attribute("slice", Attr("axis", "axis", 0), axis, e) if given(axis) else 0
        parts = [
            attribute("slice", Attr(name, "dim"), v, e) if given(v) else None
            for name, v in zip(("start", "end", "step"), span, strict=True)
        ]
        shape = self.builder.shape(node)
        if not -len(shape) <= at < len(shape):
            raise Fault("bad-index", f"there is no axis {at} in shape {shape_text(shape)}", e)
        lead = (None,) * (at % len(shape))
        return Ref(self.emit(OPS["slice"], [node], {"index": (*lead, tuple(parts)), "squeeze": ()}, e, f, e.args))

    def _clip(self, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame) -> Value:
        """Between numbers an operation of its own; between values of the graph, and of whole numbers between real ones, two choices, in
        which x wins a tie (torch.clamp)."""
        x, low, high = bind("clip", ["x", "min", "max"], [True, False, False], args, kwargs, e)
        whole_x = isinstance(x, Ref) and self.builder.dtype(x.node) == "int64"
        apart: Any = Ref | ListValue | float | Fraction if whole_x else Ref | ListValue
        if not isinstance(low, apart) and not isinstance(high, apart):
            return self.primitive(OPS["clip"], args, kwargs, e, f)
        node = self.node(x, e.args[0] if e.args else e, f)
        for bound, beyond in ((low, "less"), (high, "greater")):
            if given(bound) and bound is not None:
                limit = self.node(bound, e, f, Ref(node))
                past = self.emit(OPS[beyond], [node, limit], {}, e, f)
                node = self.emit(OPS["where"], [past, limit, node], {}, e, f)
        return Ref(node)

    def _qr(self, x: Any, e: Call, f: Frame) -> ListValue:
        """Q of as many columns as there are rows, at most; R is what is left of x along them."""
        node = self.node(x, e.args[0] if e.args else e, f)
        shape = self.builder.shape(node)
        square = node
        if len(shape) >= 2 and isinstance(shape[-1], int) and isinstance(shape[-2], int) and shape[-1] > shape[-2]:
            span = (*(None,) * (len(shape) - 1), (0, shape[-2], 1))
            square = self.emit(OPS["slice"], [node], {"index": span, "squeeze": ()}, e, f, e.args)
        q = self.emit(OPS["qr_q"], [square], {"dtype": self.dtype}, e, f, e.args)
        across = self.emit(OPS["swap_last"], [q], {}, e, f)
        r = self.emit(OPS["triu"], [self.emit(OPS["matmul"], [across, node], {}, e, f)], {"diagonal": 0}, e, f)
        return ListValue((Ref(q), Ref(r)))

    def _einsum(self, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame) -> Ref:
        form = "write `einsum('ij,jk->ik', a, b)`"
        if kwargs:
            raise Fault("unknown-argument", f"`einsum` has no argument `{next(iter(kwargs))}`", e, help=form)
        texts = [k for k, a in enumerate(args) if isinstance(a, str)]
        if len(texts) != 1 or len(args) < 2:
            raise Fault("wrong-arity", "`einsum` takes an equation in quotes, and its operands", e, help=form)
        exprs = [x for k, x in enumerate(e.args) if k != texts[0]]
        values = [a for k, a in enumerate(args) if k != texts[0]]
        if len(values) == 1 and isinstance(values[0], ListValue) and any(isinstance(v, Ref) for v in values[0].items):
            inner = getattr(exprs[0], "items", ()) if exprs else ()
            values = list(values[0].items)
            exprs = list(inner) if len(inner) == len(values) else [e] * len(values)
        exprs = exprs if len(exprs) == len(values) else [e] * len(values)
        nodes = [self.node(v, x, f) for v, x in zip(values, exprs, strict=True)]
        try:
            return Ref(einsum(lambda op, inputs, attrs: self.emit(op, inputs, attrs, e, f), self.builder.shape, args[texts[0]], nodes))
        except OpFault as fault:
            raise self.shape_fault(fault, OPS["mul"], nodes, {}, e, f, exprs) from None
