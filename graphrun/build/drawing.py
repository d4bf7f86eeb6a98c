"""Random values in formulas: `normal`, `uniform`, `bernoulli` and `dropout`, counted by the number of the training step."""

from __future__ import annotations

from typing import Any

from graphrun.build.frame import Frame
from graphrun.build.steps import Steps
from graphrun.build.values import Fault
from graphrun.expr.tree import Call, Expr
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import is_real
from graphrun.ops.random import DROPOUT, DROPOUT_MASK
from graphrun.ops.registry import OPS

__all__ = ["Drawing"]


class Drawing(Steps):
    """Lowers calls of random operations."""

    random_key: tuple[str, int] | None = None  # name and seed that initial values are drawn from
    draws: bool = False  # whether formulas may draw random values: those of a graph's nodes
    counter: int | None = None  # the leaf that holds the number of the training step, where random values are drawn in training
    asks_training: bool = False  # whether the graph differs with `training`
    counts_steps: bool = False  # whether values are drawn, in training anew at each step

    def dropout(self, node: int, operand: Expr, attrs: dict[str, Any], e: Call, f: Frame) -> int:
        """The node of `dropout`: x (the operand `node`) times a mask in training; else x itself, as a step."""
        self.asks_training = True
        self.may_draw(DROPOUT, e)
        if not self.training:
            return self.emit(DROPOUT, [node], attrs, e, f, [operand])
        shape, dtype = self.builder.shape(node), self.builder.dtype(node)
        drawn = {**attrs, "shape": shape, "dtype": dtype if is_real(dtype) else self.dtype}
        return self.emit(OPS["mul"], [node, self.emit(DROPOUT_MASK, [self.step_number()], drawn, e, f)], {}, e, f, [operand])

    def may_draw(self, op: OpDef, e: Call) -> None:
        """Raises a fault where a call of a random operation is out of place."""
        if not op.draws and op is not DROPOUT:
            raise Fault(
                "wrong-type", f"`{op.name}` makes initial values, and no values of a graph", e,
                help="use it as an `init`, or draw with `normal(shape)` or `uniform(shape)`",
            )  # fmt: skip
        if not self.draws:
            raise Fault("wrong-type", f"`{op.name}` draws random values, which only the nodes of a graph do", e)

    def step_number(self) -> int:
        """The node of the number of the training step: 0 outside training."""
        self.counts_steps = True
        if not self.training:
            return self.builder.const(0.0, "float64")
        if self.counter is None:
            b = self.builder
            marks, (b.tag, b.call, b.place) = (b.tag, b.call, b.place), (0, -1, 0)
            self.counter = b.input("step", (), "float64")
            b.tag, b.call, b.place = marks
        return self.counter

    def settle_draws(self, seed: int) -> None:
        """Keys the random values by the names of their steps, now that these are known, and by the seed."""
        g = self.builder.graph
        if any(op.draws for op in g._op_table):
            for i in range(len(g)):
                if g.op(i).draws:
                    g._attr[i] = self.builder._attr_id({**g.attrs(i), "key": g.name(i), "seed": seed})
