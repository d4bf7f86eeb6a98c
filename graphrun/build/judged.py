"""Forms by which the library judges what it is given: shapes that must be equal, axes that must be there, what a target holds."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from graphrun.build.arguments import bind, given, list_constant
from graphrun.build.composed import ComposedForms
from graphrun.build.frame import Frame
from graphrun.build.outside import DIFFERENT
from graphrun.build.values import Fault, ListValue, Ref, Value, describe, is_number, whole
from graphrun.expr.tree import Call
from graphrun.ir.types import Sym, is_real, shape_text

__all__ = ["JudgedForms"]

_EPSILON = {"float32": 2.0**-23}  # the step from 1 to the next number; float64 is Python's own


class JudgedForms(ComposedForms):
    """Lowers them."""

    def judged(self, name: str, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame) -> Value:
        """The value of a call of one of them."""
        match name:
            case "equal_shapes":
                return self._equal_shapes(bind(name, ["a", "b", "axis"], [True, True, False], args, kwargs, e), e, f)
            case "last_axes":
                return self._last_axes(bind(name, ["x", "sizes"], [True, True], args, kwargs, e), e, f)
            case "class_probabilities":
                wanted = ["target", "logits", "ignore_index"]
                return self._class_probabilities(bind(name, wanted, [True, True, False], args, kwargs, e), e, f)
            case "class_indices":
                (target,) = bind(name, ["target"], [True], args, kwargs, e)
                return self._class_indices(target, e, f)
            case _:
                (x,) = bind(name, ["x"], [True], args, kwargs, e)
                return _EPSILON.get(self.builder.dtype(self.node(x, e, f)), sys.float_info.epsilon)

    def _equal_shapes(self, bound: Sequence[Any], e: Call, f: Frame) -> Value:
        """a, where a (without `axis`, if that is given) and b have the same shape: for losses, in which nothing broadcasts by accident."""
        a, b, axis = bound
        i, j = self.node(a, e, f), self.node(b, e, f)
        shape, at = self.builder.shape(i), whole(axis) if given(axis) else None
        if at is not None and -len(shape) <= at < len(shape):
            shape = (*shape[: at % len(shape)], *shape[at % len(shape) + 1 :])
        shapes = [shape_text(shape), shape_text(self.builder.shape(j))]
        if shapes[0] != shapes[1]:
            raise Fault(
                "shape-mismatch", f"{DIFFERENT}{shapes[0]} and {shapes[1]}", e,
                help="bring them to one shape: `squeeze(x, axis)`, `expand_dims(x, axis)` or `reshape(x, shape)`", axis=at,
            )  # fmt: skip
        return Ref(i)

    def _last_axes(self, bound: Sequence[Any], e: Call, f: Frame) -> ListValue:
        """The last axes of x, as many as there are sizes, which must be theirs."""
        x, sizes = bound
        shape = self.builder.shape(self.node(x, e, f))
        items = sizes.items if isinstance(sizes, ListValue) else (sizes,)
        wanted = tuple(v if isinstance(v, Sym) else whole(v) for v in items)
        if not wanted or None in wanted:
            odd = next((v for v, w in zip(items, wanted, strict=True) if w is None), None)
            found = f"a list that holds {describe(odd)}" if items and isinstance(sizes, ListValue) else describe(sizes)
            found = found if items else "an empty list"
            raise Fault("wrong-type", f"the sizes of the last axes are a whole number or a list of them; here is {found}", e)
        n = len(wanted)
        if n > len(shape) or shape[-n:] != wanted:
            text = shape_text(wanted)  # type: ignore[arg-type]
            raise Fault("shape-mismatch", f"the last axes are to have the sizes {text}, and the shape is {shape_text(shape)}", e)
        return ListValue(tuple(range(-n, 0)))

    def _class_indices(self, target: Any, e: Call, f: Frame) -> Ref:
        """The target of a loss over classes, int64 where it is written as a whole number."""
        if is_number(target) and whole(target) is None:
            raise Fault("wrong-value", f"a class is a whole number from 0 on; here it is {describe(target)}", e)
        return Ref(self.node(whole(target) if is_number(target) else target, e, f, whole=True))

    def _class_probabilities(self, bound: Sequence[Any], e: Call, f: Frame) -> bool:
        """Whether a target of logits holds a probability for each class, and not indices of classes."""
        target, logits, ignore_index = bound
        shape = self.builder.shape(self.node(logits, e, f))
        if isinstance(target, ListValue):
            made = list_constant(target, e)
            found = made is not None and made[1] == shape
        else:
            b = self.builder
            found = isinstance(target, Ref) and is_real(b.dtype(target.node)) and b.shape(target.node) == shape and bool(shape)
        if found and given(ignore_index) and ignore_index is not None:
            message = "`ignore_index` is a class that targets may name, and here the target has a probability for each class"
            raise Fault("wrong-value", message, e, help="leave `ignore_index` out")
        return found
