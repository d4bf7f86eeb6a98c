"""The reference engine: walks the nodes in order and calls their kernels with NumPy; keeps every value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphrun.engines.base import CompiledStep, Step
from graphrun.engines.faults import kernel_fault
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST

__all__ = ["ReferenceEngine", "constant", "evaluate"]


def constant(value: Any, dtype: str, shape: Sequence[Any]) -> Any:
    """The array (or NumPy scalar) of a constant node."""
    return np.asarray(value, dtype=dtype).reshape(tuple(shape))[()]


def evaluate(graph: Graph, feeds: Mapping[int, Any], wanted: Sequence[int] | None = None) -> list[Any]:
    """The value of each node (None for one that `wanted` does not depend on), by IEEE arithmetic without warnings.

    `feeds` gives every leaf that is needed, by node, as an array of its shape and dtype, and may give any other node in place of what it
    computes; all sizes are bound. Raises RunError where an index is out of range, or a whole number has a negative exponent.
    """
    needed = graph.ancestors(wanted) if wanted is not None else bytearray(b"\x01") * len(graph)
    values: list[Any] = [None] * len(graph)
    ops, table, offset, inputs, kinds = graph._op, graph._op_table, graph._offset, graph._input, graph._type
    attrs, attr_table = graph._attr, graph._attr_table
    dtypes = [t.dtype for t in graph._type_table]
    plain = [getattr(np, op.ufunc) if op.ufunc else None for op in table]
    i = -1
    try:
        with np.errstate(all="ignore"):
            for i in range(len(ops)):
                if not needed[i]:
                    continue
                op = table[ops[i]]
                if i in feeds:
                    values[i] = np.asarray(feeds[i], dtype=graph.dtype(i))[()]
                    continue
                if op is CONST:
                    values[i] = constant(graph.attrs(i)["value"], graph.dtype(i), graph.shape(i))
                    continue
                operands = inputs[offset[i] : offset[i + 1]]
                ufunc, dtype = plain[ops[i]], dtypes[kinds[i]]
                if ufunc is not None:
                    for j in operands:
                        if dtypes[kinds[j]] != dtype:
                            break
                    else:  # all of one dtype: the kernel would come to the same call
                        values[i] = ufunc(*[values[j] for j in operands])
                        continue
                values[i] = op.kernel(np, *[values[j] for j in operands], **attr_table[attrs[i]])
    except (IndexError, ValueError):
        fault = kernel_fault(graph, i, values)
        if fault is None:
            raise
        raise fault from None
    return values


class ReferenceEngine:
    """Runs a step by `evaluate`."""

    name = "reference"

    def compile(self, step: Step) -> CompiledStep:
        """Makes a step ready to run."""
        return _ReferenceStep(step)


class _ReferenceStep:
    """Keeps the slots as arrays and evaluates the whole graph once a step."""

    def __init__(self, step: Step) -> None:
        self._step = step
        self._slots: dict[str, Any] = {}
        self._outputs: dict[str, Any] = {}
        self._wanted = [step.loss, *step.outputs.values(), *(s.update for s in step.slots if s.update is not None)]

    def load(self, values: Mapping[str, Any]) -> None:
        """Sets the slots."""
        for slot in self._step.slots:
            if slot.name in values:
                self._slots[slot.name] = np.array(values[slot.name], dtype=self._step.graph.dtype(slot.node))

    def values(self) -> dict[str, Any]:
        """Copies of the slots."""
        return {name: np.array(value) for name, value in self._slots.items()}

    @property
    def outputs(self) -> Mapping[str, Any]:
        """Further outputs of the last step."""
        return self._outputs

    def run(self, feeds: Mapping[str, Any], first: int, count: int) -> list[float]:
        """Makes `count` steps on the same feeds."""
        step = self._step
        losses = []
        fed: dict[int, Any] = {node: feeds[name] for name, node in step.feeds.items()}
        for k in range(first, first + count):
            fed.update({s.node: self._slots[s.name] for s in step.slots})
            if step.counter is not None:
                fed[step.counter] = float(k)
            values = evaluate(step.graph, fed, self._wanted)
            losses.append(float(values[step.loss]))
            self._outputs = {name: values[node] for name, node in step.outputs.items()}
            for s in step.slots:
                if s.update is not None:
                    self._slots[s.name] = values[s.update]
        return losses
