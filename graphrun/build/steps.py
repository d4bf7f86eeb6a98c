"""Steps: values become nodes, and a fault of shapes is told with both operands and where each came from."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from graphrun.build.arguments import list_constant
from graphrun.build.frame import Frame
from graphrun.build.session import Session
from graphrun.build.values import Fault, ListValue, Ref, Training, describe, to_float
from graphrun.expr.tree import Expr, Name
from graphrun.ir.leaves import CONST, DIMENSION, INPUT, PARAM, STATE
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import OpFault, Sym, shape_text

__all__ = ["Steps"]


class Steps(Session):
    """Enters nodes in the graph."""

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
        b.owner, b.tag, b.call, b.place = f.context.owner, f.tag, f.call, f.packed(e)
        try:
            i = b.node(op, inputs, attrs)
        except OpFault as fault:
            raise self.shape_fault(fault, op, inputs, attrs, e, f, operands) from None
        f.context.steps.append(i)
        return i

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
        for k in fault.operands:
            if k < len(inputs) and k < len(texts):
                notes.append(f"{texts[k]} has shape {shape_text(self.builder.shape(inputs[k]))}{self._origin(inputs[k])}")
        advice = fill(fault.help) if fault.help else self._what_fits(op, inputs, attrs, e, f, operands)
        return Fault(fault.code, fill(fault.message), e, notes=tuple(notes), help=advice)

    def _origin(self, i: int) -> str:
        graph = self.builder.graph
        op = graph.op(i)
        kind = "input" if op is INPUT else "parameter" if op is PARAM else "state" if op is STATE else "constant" if op is CONST else "node"
        line = graph.place(i)[1]
        return f"    {kind}" + (f", line {line}" if line else "")

    def _what_fits(
        self, op: OpDef, inputs: Sequence[int], attrs: dict[str, Any], e: Expr, f: Frame, operands: Sequence[Expr]
    ) -> str | None:
        """A name seen here that would fit in place of one operand, as the mended formula; the latest one made."""
        names = [(n, v.node) for n, v in f.scope.values.items() if isinstance(v, Ref)]
        for k, operand in enumerate(operands):
            if not isinstance(operand, Name) or k >= len(inputs):
                continue
            for name, node in sorted(names, key=lambda pair: -pair[1]):
                if node in inputs or self.builder.shape(node) == self.builder.shape(inputs[k]):
                    continue
                types = [self.builder.type(node if j == k else i) for j, i in enumerate(inputs)]
                full = {a.name: a.default for a in op.attrs} | attrs
                try:
                    op.infer(types, op.prepare(types, full) if op.prepare else full)
                except OpFault:
                    continue
                start, end = f.formula.span(operand)
                mended = f.formula.text[:start] + name + f.formula.text[end:]
                return f"{name}, with shape {shape_text(self.builder.shape(node))}, would fit: `{mended}`"
        return None
