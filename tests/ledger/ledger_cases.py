"""Graphs built by hand, with steps named as the language names them, and the facts of both passes over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphrun.autodiff.reverse import backward
from graphrun.engines.reference import evaluate
from graphrun.ir.builder import Builder
from graphrun.ir.leaves import CONST
from graphrun.ledger.ledger import Facts, Trial, Update
from graphrun.ops.activation import RELU, SOFTMAX
from graphrun.ops.arithmetic import ADD, LOG, MUL, NEG, POWER, SUB
from graphrun.ops.elementary import IDENTITY, TANH
from graphrun.ops.linalg import MATMUL
from graphrun.ops.sums import MEAN, SUM


class Net:
    """A graph under construction. `node` names the steps that its function adds: `J#1`, `J#2`, `J`."""

    def __init__(self, spec: str = "net", about: str = "", dtype: str = "float64") -> None:
        self.spec, self.about, self.dtype = spec, about, dtype
        self.b = Builder()
        self.feeds: dict[int, Any] = {}
        self.entries: dict[str, int] = {}
        self.inputs: dict[str, int] = {}
        self.params: dict[str, int] = {}

    def input(self, name: str, value: Any, dtype: str | None = None) -> int:
        value = np.asarray(value, dtype=dtype or self.dtype)
        i = self.inputs[name] = self.b.input(name, value.shape, dtype or self.dtype)
        self.feeds[i] = value
        return i

    def param(self, name: str, value: Any) -> int:
        value = np.asarray(value, dtype=self.dtype)
        i = self.params[name] = self.b.param(name, value.shape, self.dtype)
        self.feeds[i] = value
        return i

    def num(self, value: float) -> int:
        return self.b.const(value, "int64" if isinstance(value, int) else self.dtype)

    def node(self, name: str, make: Callable[[Builder], int], line: int = 0) -> int:
        b, start = self.b, len(self.b)
        b.owner = b.name_id(name)
        b.place = line << 28
        end = make(b)
        b.owner, b.place = None, 0
        step = 0
        for i in range(start, len(b)):
            if b.graph.op(i) is not CONST:
                step += 1
                b.set_step(i, 0 if i == end else step)
        self.entries[name] = end
        return end

    def facts(self, of: str | int, **more: Any) -> Facts:
        graph = self.b.graph
        end = self.entries[of] if isinstance(of, str) else of
        values = evaluate(graph, self.feeds)
        below = graph.ancestors([end])
        real = [i for i in range(end + 1) if below[i] and graph.op(i) is not CONST and graph.dtype(i).startswith("float")]
        whole, map_ = backward(graph, end, real)
        found = evaluate(whole, self.feeds)
        gradients = {i: found[map_[i]] for i in real}
        n = sum(1 for i in self.entries.values() if below[i])
        p = sum(int(np.prod(graph.shape(i), dtype=int)) for i in self.params.values() if below[i])
        given = {"nodes": n, "parameters": p, **more}
        path = f"specs/{self.spec}.yaml"
        return Facts(
            self.spec, self.about, path, graph, end, self.entries, self.inputs, self.params, values, gradients, **given
        )


def neuron() -> Facts:
    net = Net("neuron", "One linear neuron with a squared error, worked step by step.")
    x, y = net.input("x", -2), net.input("y", 2)
    w, bias = net.param("w", 2), net.param("b", 8)
    c = net.node("c", lambda b: MUL(b, w, x), 9)
    a = net.node("a", lambda b: ADD(b, c, bias), 10)
    d = net.node("d", lambda b: SUB(b, a, y), 11)
    net.node("J", lambda b: MUL(b, net.num(0.5), POWER(b, d, net.num(2))), 12)
    return net.facts(
        "J",
        trials=(Trial("w", 0.001, -0.003998, -4.0), Trial("b", 0.001, 0.0020005, 2.0)),
        agreement=2e-11,
        update=Update("sgd(lr=0.1)", (("w", 2.0, 2.4), ("b", 8.0, 7.8)), 2.0, 0.5),
    )


def ann(**more: Any) -> Facts:
    net = Net("ann", "the 2-2-1 net.")
    x1, x2, y = net.input("x1", 1), net.input("x2", 2), net.input("y", 5)
    w = [net.param(f"w{k}", v) for k, v in enumerate((1, 2, -1, 1, 2, -3), 1)]
    u1 = net.node("u1", lambda b: ADD(b, MUL(b, w[0], x1), MUL(b, w[1], x2)))
    u2 = net.node("u2", lambda b: ADD(b, MUL(b, w[2], x1), MUL(b, w[3], x2)))
    u3 = net.node("u3", lambda b: ADD(b, MUL(b, w[4], u1), MUL(b, w[5], u2)))
    hat = net.node("hat_y", lambda b: IDENTITY(b, u3))
    net.node("L", lambda b: MUL(b, net.num(0.5), POWER(b, SUB(b, hat, y), net.num(2))))
    old, new = (1, 2, -1, 1, 2, -3), (0.96, 1.92, -0.94, 1.12, 1.9, -3.02)
    return net.facts(
        "L",
        **more,
        row="row 1 of 8: x1 = 1, x2 = 2, y = 5   (--row N for another, --row all for the mean)",
        update=Update("sgd(lr=0.01)", tuple((f"w{k}", o, n) for k, (o, n) in enumerate(zip(old, new, strict=True), 1)), 2.0, 0.018818),
    )


def larger() -> Facts:
    net = Net("larger", "Two ReLU units in a row.")
    x, y = net.input("x", 1), net.input("y", 5)
    w1, b1, w2, b2 = (net.param(name, v) for name, v in (("w1", 2), ("b1", 0), ("w2", 3), ("b2", 1)))
    a1 = net.node("a1", lambda b: RELU(b, ADD(b, MUL(b, w1, x), b1)))
    a2 = net.node("a2", lambda b: RELU(b, ADD(b, MUL(b, w2, a1), b2)))
    net.node("J", lambda b: MUL(b, net.num(0.5), POWER(b, SUB(b, a2, y), net.num(2))))
    return net.facts("J")


def fan_out() -> Facts:
    """u is used by a and b, and both by L: ∂L/∂u = 0.2 · 3 + (-1) · 0.5."""
    net = Net("fan_out")
    w = net.param("w", 2)
    u = net.node("u", lambda b: MUL(b, w, net.num(1.0)))
    p, q = net.input("p", 3), net.input("q", 0.5)
    a = net.node("a", lambda b: MUL(b, p, u))
    c = net.node("b", lambda b: MUL(b, q, u))
    net.node("L", lambda b: SUB(b, MUL(b, net.num(0.2), a), c))
    return net.facts("L")


def dense(rows: int = 3, wide: int = 2, units: int = 2) -> Facts:
    net = Net("dense", "A layer and a mean squared error.")
    draw = np.random.default_rng(0).normal
    x, y = net.input("x", draw(size=(rows, wide))), net.input("y", draw(size=(rows, units)))
    weight, bias = net.param("W", draw(size=(wide, units))), net.param("b", draw(size=units))
    z = net.node("z", lambda b: ADD(b, MATMUL(b, x, weight), bias))
    h = net.node("h", lambda b: TANH(b, z))
    net.node("J", lambda b: MEAN(b, POWER(b, SUB(b, h, y), net.num(2))))
    return net.facts("J")


def classes(rows: int = 4) -> Facts:
    """relu, softmax, a sum over classes; the inner step of a formula is asked for."""
    net = Net("classes")
    draw = np.random.default_rng(1).normal
    x, t = net.input("x", draw(size=(rows, 3))), net.input("t", np.eye(3)[np.arange(rows) % 3])
    weight = net.param("W", draw(size=(3, 3)))
    h = net.node("h", lambda b: RELU(b, MATMUL(b, x, weight)))
    p = net.node("p", lambda b: SOFTMAX(b, h))
    net.node("J", lambda b: NEG(b, MEAN(b, SUM(b, MUL(b, t, LOG(b, p)), axis=-1))))
    return net.facts("J")
