"""Steps: values become nodes, and a fault of shapes is told with both operands and where each came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from graphrun.build.arguments import list_constant
from graphrun.build.frame import Frame
from graphrun.build.session import Session
from graphrun.build.values import Fault, ListValue, Ref, Training, describe, to_float
from graphrun.errors import SpecError
from graphrun.expr.tree import Call, Expr, Index, Name, Transpose, walk
from graphrun.ir.leaves import CONST, DIMENSION, INPUT, PARAM, STATE
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import OpFault, Sym, TensorType, shape_text
from graphrun.ops.registry import OPS

__all__ = ["LIMIT", "MANY", "Growing", "Steps", "TooManySteps", "too_many"]

LIMIT = 2_000_000
"""Steps of a graph, and calls in it: a few lines of functions that call each other can ask for more than any machine holds."""

MANY = 10_000
"""Calls, and rounds of `repeat` and `scan`, after which a build is interrupted, so that how many there will be is counted first."""


class TooManySteps(SpecError):
    """Ends a build: whatever would be built next would be too much, too."""


class Growing(Exception):
    """Interrupts a build that has made many calls."""


def too_many(e: Expr) -> Fault:
    """The fault that a graph grows past the limit at `e`."""
    return Fault(
        "too-many-steps", f"the graph has more than {LIMIT:,} steps here", e,
        help="work on whole arrays, where one step does what many do on single numbers; fewer copies, or a shorter scan",
    )  # fmt: skip


class Steps(Session):
    """Enters nodes in the graph."""

    narrows: bool = False  # whether float64 values become float32 where they meet those: in an optimizer, whose `step` is float64
    rounds: int = 0  # calls of functions, copies of `repeat` and positions of `scan` that have been made
    look_ahead: int = 0  # the number of them at which the build is interrupted

    def node(self, value: Any, e: Expr, f: Frame, partner: Any = None, whole: bool = False) -> int:
        """The node of a value; a number becomes a constant of the dtype in which it meets `partner`, or int64 where `whole` is wanted."""
        if isinstance(value, Ref):
            return value.node
        if isinstance(value, bool | Training):
            return self.builder.const(value.value if isinstance(value, Training) else value, "bool")
        if isinstance(value, int | Fraction | float):
            like = self.builder.dtype(partner.node) if isinstance(partner, Ref) else None
            if (like == "int64" or whole) and isinstance(value, int):
                return self.builder.const(value, "int64")
            return self.builder.const(to_float(value), like if like in ("float32", "float64") else self.dtype)
        if isinstance(value, Sym):
            b = self.builder
            b.owner, b.tag, b.call, b.place = None, 0, -1, 0
            return b.node(DIMENSION, (), {"dim": value})
        if isinstance(value, ListValue):
            made = list_constant(value, e)
            if made is not None:
                flat, shape = made
                if whole and all(v.is_integer() for v in flat):
                    return self.builder.const(tuple(int(v) for v in flat), "int64", shape)
                return self.builder.const(flat, self.dtype, shape)
            raise Fault(
                "not-a-value", "a list of values stands where one value is wanted", e, help="join them: `stack([a, b])` or `concat([a, b])`"
            )
        text = f.formula.source(e)
        raise Fault("not-a-value", f"`{text}` is {describe(value)}; a value of the graph is wanted here", e)

    def emit(self, op: OpDef, inputs: Sequence[int], attrs: dict[str, Any], e: Expr, f: Frame, operands: Sequence[Expr] = ()) -> int:
        """Adds a step of the formula; a fault of shapes is told with both operands and where each came from."""
        b = self.builder
        if self.narrows and {"float32", "float64"} <= {b.dtype(i) for i in inputs}:
            inputs = [self.emit(OPS["cast"], [i], {"dtype": "float32"}, e, f) if b.dtype(i) == "float64" else i for i in inputs]
        self.bound(e, f)
        b.owner, b.tag, b.call, b.place = f.context.owner, f.tag, f.call, f.packed(e)
        try:
            i = b.node(op, inputs, attrs)
        except OpFault as fault:
            raise self.shape_fault(fault, op, inputs, attrs, e, f, operands) from None
        f.context.steps.append(i)
        return i

    def bound(self, e: Expr, f: Frame) -> None:
        """Ends the build where the graph is too large to go on."""
        if len(self.builder) >= LIMIT or len(self.builder.graph.calls) >= LIMIT:
            self.located(too_many(e), f)
            raise TooManySteps(self.reporter.errors)

    def grow(self, e: Expr, f: Frame) -> None:
        """Counts a call, or a round of a `repeat` or `scan`."""
        self.bound(e, f)
        self.rounds += 1
        if self.rounds == self.look_ahead:
            raise Growing

    def shape_fault(
        self, fault: OpFault, op: OpDef, inputs: Sequence[int], attrs: dict[str, Any], e: Expr, f: Frame, operands: Sequence[Expr]
    ) -> Fault:
        """The fault as the person reads it: `{0}` and `{1}` filled in, with shapes, origins and a way to mend it."""
        texts = [f.formula.source(o) for o in operands]
        texts += [self.builder.graph.name(i) for i in inputs[len(texts) :]]

        def fill(text: str) -> str:
            for k, t in enumerate(texts):
                text = text.replace(f"{{{k}}}", t)
            return text

        notes = [fill(n) for n in fault.notes]
        here = self.source_id(f.scope.file)
        for k in fault.operands:
            if k < len(inputs) and k < len(texts):
                notes.append(f"{texts[k]} has shape {shape_text(self.builder.shape(inputs[k]))}{self._origin(inputs[k], here)}")
        advice = fill(fault.help) if fault.help else self._what_fits(op, inputs, attrs, e, f, operands)
        return Fault(fault.code, fill(fault.message), e, notes=tuple(notes), help=advice)

    def _origin(self, i: int, here: int) -> str:
        graph = self.builder.graph
        op = graph.op(i)
        kind = "input" if op is INPUT else "parameter" if op is PARAM else "state" if op is STATE else "constant" if op is CONST else "node"
        source, line, _, _ = graph.place(i)
        if source != here:  # what another file computes is known by the line here that calls it
            outside = self.call_outside(graph.call(i))
            line = outside[0].line if outside is not None and outside[0].source.name == graph.sources[here] else 0
        return f"    {kind}" + (f", line {line}" if line else "")

    def _what_fits(
        self, op: OpDef, inputs: Sequence[int], attrs: dict[str, Any], e: Expr, f: Frame, operands: Sequence[Expr]
    ) -> str | None:
        """A change of the formula with which the shapes fit: operands in the other order, one transposed, an axis kept by a reduction, a
        name seen here in place of an operand (the latest one made)."""
        if len(operands) != len(inputs):
            return None
        types = [self.builder.type(i) for i in inputs]
        if op is OPS["matmul"]:
            return self._product_that_fits(types, attrs, f, operands) or self._name_that_fits(op, inputs, types, attrs, f, operands)
        if op.elementwise and len(inputs) == 2:
            return self._axis_that_fits(op, inputs, types, attrs, f, operands)
        return self._name_that_fits(op, inputs, types, attrs, f, operands)

    def _product_that_fits(self, types: Sequence[TensorType], attrs: dict[str, Any], f: Frame, operands: Sequence[Expr]) -> str | None:
        made = []
        for t, o in zip(types, operands, strict=True):
            text = _bracketed(f.formula.source(o), o)
            kept = len(t.shape) > 1 and any(isinstance(d, Sym) for d in t.shape[-2:])  # rows of a batch are to stay rows
            turned = replace(t, shape=(*t.shape[:-2], t.shape[-1], t.shape[-2])) if len(t.shape) > 1 else None
            other = _bracketed(f.formula.source(o.operand), o.operand) if isinstance(o, Transpose) else f"{text}.T"
            made.append(((t, text, 0), (turned, other, 2 if kept else 1)))
        (a, at), (b, bt) = made
        tried = ((b, a), (a, bt), (at, b), (b, at), (bt, a), (at, bt), (bt, at))
        for left, right in sorted(tried, key=lambda pair: pair[0][2] + pair[1][2] > 1):
            if left[0] is None or right[0] is None or not left[0].shape or isinstance(left[0].shape[-1], Sym):
                continue  # or a sum over the rows of a batch
            if _fits(OPS["matmul"], [left[0], right[0]], attrs):
                return f"the shapes fit in `{left[1]} @ {right[1]}`"
        return None

    def _axis_that_fits(
        self, op: OpDef, inputs: Sequence[int], types: list[TensorType], attrs: dict[str, Any], f: Frame, operands: Sequence[Expr]
    ) -> str | None:
        """Where one operand is a reduction that has dropped its axis: with the axis kept."""
        graph = self.builder.graph
        for k, (i, operand) in enumerate(zip(inputs, operands, strict=True)):
            axes = graph.attrs(i).get("axis")
            axes = (axes,) if isinstance(axes, int) else axes
            if not isinstance(operand, Call) or axes is None or graph.attrs(i).get("keepdims") is not False:
                continue
            shape = tuple(1 if d in axes else n for d, n in enumerate(self.builder.shape(graph.inputs(i)[0])))
            if _fits(op, [replace(t, shape=shape) if j == k else t for j, t in enumerate(types)], attrs):
                text = f.formula.source(operand)
                return f"keep the axis: `{text[:-1]}, keepdims=true)`"
        return None

    def _name_that_fits(
        self, op: OpDef, inputs: Sequence[int], types: Sequence[TensorType], attrs: dict[str, Any], f: Frame, operands: Sequence[Expr]
    ) -> str | None:
        graph = self.builder.graph
        names = [(n, v.node) for n, v in f.scope.values.items() if isinstance(v, Ref)]
        used = {f.formula.name(n) for o in operands for n in walk(o) if isinstance(n, Name)}
        for k, operand in enumerate(operands):
            if not isinstance(operand, Name):
                continue
            for name, node in sorted(names, key=lambda pair: -pair[1]):
                new = self.builder.type(node)
                kind = graph.op(node)
                if name in used or new.shape == types[k].shape or kind is INPUT or (kind is PARAM) != (graph.op(inputs[k]) is PARAM):
                    continue
                if _fits(op, [new if j == k else t for j, t in enumerate(types)], attrs):
                    start, end = f.formula.span(operand)
                    mended = f.formula.text[:start] + name + f.formula.text[end:]
                    return f"{name}, with shape {shape_text(new.shape)}, would fit: `{mended}`"
        return None


def _fits(op: OpDef, types: Sequence[TensorType], attrs: dict[str, Any]) -> bool:
    full = {a.name: a.default for a in op.attrs} | attrs
    try:
        op.infer(types, op.prepare(types, full) if op.prepare else full)
    except OpFault:
        return False
    return True


def _bracketed(text: str, e: Expr) -> str:
    return text if isinstance(e, Name | Call | Transpose | Index) else f"({text})"
