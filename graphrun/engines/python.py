"""The python engine: a training step as generated, straight-line Python over floats and preallocated NumPy buffers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from graphrun.engines.base import CompiledStep, Step
from graphrun.engines.buffers import lay_out
from graphrun.engines.codegen import generate, load
from graphrun.engines.emit import emit
from graphrun.engines.plan import make_plan
from graphrun.engines.reference import ReferenceEngine

__all__ = ["PythonEngine", "PythonStep"]

NUMBERS = {"float64": float, "float32": np.float32, "int64": int, "bool": bool}


class PythonEngine:
    """Compiles steps to Python."""

    name = "python"

    def compile(self, step: Step) -> PythonStep:
        """Makes a step ready to run."""
        return PythonStep(step)


class PythonStep:
    """A compiled step. Scalars stay Python floats from step to step; arrays are changed in place.

    Python raises on overflow and on division by zero, where IEEE arithmetic gives inf or nan. No slot has moved by then, so that step
    is run by the reference engine (`reruns` counts them), and the next one by generated code again. What cannot be computed at all (an
    index out of range) is told by the reference engine then.
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        graph = step.graph
        plan = make_plan(step)
        code = emit(plan)
        memory = lay_out(code)
        scalars = tuple(s.node for s in step.slots if not graph.shape(s.node))
        self._feeds = tuple((name, node) for name, node in step.feeds.items() if plan.needed[node])
        program = generate(code, scalars, tuple(node for _, node in self._feeds))
        env = {"inf": math.inf, "nan": math.nan, "float32": np.float32, **code.env, **memory.arrays}
        self.source = program.source
        """The generated code."""
        self.nbytes = memory.nbytes
        """Bytes of the buffers that values of a step share."""
        self.reruns = 0
        """Steps that the reference engine ran."""
        self._run = load(program.source, env, f"step of {graph.name(step.loss)}")
        self._place = {node: k for k, node in enumerate(scalars)}
        self._scalars: list[Any] = [NUMBERS[graph.dtype(i)](0) for i in scalars]
        self._arrays: dict[int, Any] = {
            s.node: memory.slots[s.node] if s.node in memory.slots else np.zeros(graph.shape(s.node), graph.dtype(s.node))
            for s in step.slots
            if graph.shape(s.node)
        }
        single = any(plan.needed[i] and graph.dtype(i) == "float32" for i in range(len(graph)))
        self._quiet = bool(memory.arrays) or single or any(name.startswith("k_") for name in code.env)
        self._outputs: Mapping[str, Any] = {}
        self._output_names = [name for name, _ in code.outputs]
        self._reference: CompiledStep | None = None

    # -- slots ------------------------------------------------------------------------------------------------------

    def load(self, values: Mapping[str, Any]) -> None:
        """Sets the slots that are given, from arrays or numbers."""
        graph = self.step.graph
        for slot in self.step.slots:
            if slot.name in values:
                value = np.asarray(values[slot.name], dtype=graph.dtype(slot.node))
                _check(f"slot {slot.name}", value, graph.shape(slot.node))
                if slot.node in self._place:
                    self._scalars[self._place[slot.node]] = _number(value, graph.dtype(slot.node))
                else:
                    self._arrays[slot.node][...] = value

    def values(self) -> dict[str, Any]:
        """Copies of the slots."""
        graph = self.step.graph
        out = {}
        for s in self.step.slots:
            scalar = s.node in self._place
            value = self._scalars[self._place[s.node]] if scalar else self._arrays[s.node]
            out[s.name] = np.array(value, dtype=graph.dtype(s.node))
        return out

    @property
    def outputs(self) -> Mapping[str, Any]:
        """The further outputs of the last step, by name."""
        return self._outputs

    # -- steps ------------------------------------------------------------------------------------------------------

    def run(self, feeds: Mapping[str, Any], first: int, count: int) -> list[float]:
        """Makes `count` steps numbered from `first` on the same feeds; the loss of each, before its update."""
        fed = [self._fed(name, node, feeds[name]) for name, node in self._feeds]
        losses: list[float] = []
        quiet: AbstractContextManager[Any] = np.errstate(all="ignore") if self._quiet else nullcontext()
        with quiet:
            while len(losses) < count:
                try:
                    made = self._run(first + len(losses), count - len(losses), self._scalars, fed, losses.append)
                    if made:
                        self._keep(made)
                except (ZeroDivisionError, OverflowError, ValueError, IndexError):
                    losses.append(self._again(feeds, first + len(losses)))
        return losses

    def _fed(self, name: str, node: int, value: Any) -> Any:
        dtype = self.step.graph.dtype(node)
        array = np.asarray(value, dtype=dtype)
        _check(f"feed {name}", array, self.step.graph.shape(node))
        return array if array.shape else _number(array, dtype)

    def _keep(self, made: Sequence[Any]) -> None:
        graph, outputs = self.step.graph, self.step.outputs
        self._outputs = {
            name: np.asarray(value, dtype=graph.dtype(outputs[name]))[()] for name, value in zip(self._output_names, made, strict=True)
        }

    def _again(self, feeds: Mapping[str, Any], number: int) -> float:
        """One step by the reference engine."""
        self.reruns += 1
        if self._reference is None:
            self._reference = ReferenceEngine().compile(self.step)
        self._reference.load(self.values())
        (loss,) = self._reference.run(feeds, number, 1)
        self.load(self._reference.values())
        self._outputs = dict(self._reference.outputs)
        return loss


def _number(array: Any, dtype: str) -> Any:
    return array[()] if dtype == "float32" else array.item()


def _check(what: str, value: Any, shape: Sequence[Any]) -> None:
    if value.shape != tuple(shape):
        raise ValueError(f"the {what} has the shape {value.shape}, and the step was compiled for {tuple(shape)}")
