"""What the comparisons of the library with PyTorch share: a layer's graph with weights of our own, beside a torch module with the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import graphrun as gr

TOLERANCE = 1e-10


@dataclass(frozen=True)
class Layer:
    """A call of the library, its torch module, and which of our parameters is which part of which of the module's.

    `weights` maps our name to (torch's name, how ours is made from torch's). `call` applies the module.
    """

    formula: str
    shape: tuple[int, ...]
    make: Callable[[Any], Any]
    weights: Mapping[str, tuple[str, Callable[[Any], Any]]]
    call: Callable[[Any, Any], Any] = lambda module, x: module(x)
    inputs: Mapping[str, Any] = field(default_factory=dict)  # further inputs of the formula: name → value
    state: Mapping[str, str] = field(default_factory=dict)  # our name → torch's buffer
    one_row: bool = False


def same(a: Any) -> Any:
    """A torch parameter as it is."""
    return a


def flipped(a: Any) -> Any:
    """A torch weight [out, in] as ours, [in, out]."""
    return a.T


def part(k: int, n: int, turn: bool = True) -> Callable[[Any], Any]:
    """The k-th of n stretches of a torch parameter's rows."""
    return lambda a: (np.split(a, n)[k].T if turn else np.split(a, n)[k])


def drawn(seed: int, *shape: int) -> Any:
    """Values that are neither all positive nor evenly spread."""
    return np.random.default_rng(seed).normal(0.2, 1.0, shape)


def spec_of(layer: Layer, result: tuple[int, ...]) -> str:
    """A spec whose loss is the sum of the layer's value times fixed numbers."""
    rest = layer.shape if layer.one_row else ("batch", *layer.shape[1:])
    out = result if layer.one_row else ("batch", *result[1:])
    lines = ["graphrun: 1", "inputs:", f"  x: {{shape: [{', '.join(map(str, rest))}]}}", f"  r: {{shape: [{', '.join(map(str, out))}]}}"]
    for name, value in layer.inputs.items():
        kind = "bool" if value.dtype == bool else "float64"
        sizes = value.shape if layer.one_row or len(value) != layer.shape[0] else ("batch", *value.shape[1:])
        lines.append(f"  {name}: {{shape: [{', '.join(map(str, sizes))}], dtype: {kind}}}")
    return "\n".join([*lines, "nodes:", f'  h: "{layer.formula}"', "  J: sum(h * r)", "loss: J", ""])


def compare(layer: Layer, torch: Any, training: bool) -> None:
    """Holds value, gradients and state of a layer against torch's."""
    torch.manual_seed(3)
    module = layer.make(torch).double()
    with torch.no_grad():
        for p in module.parameters():
            p += 0.3 * torch.randn_like(p)
    module.train(training)
    x = torch.tensor(drawn(1, *layer.shape), requires_grad=True)
    y = layer.call(module, x)
    r = drawn(2, *y.shape)
    named = dict(module.named_parameters())
    model = gr.loads(spec_of(layer, tuple(y.shape)))
    ours = {name: turn(named[of].detach().numpy()) for name, (of, turn) in layer.weights.items()}
    assert set(ours) == set(model.params)
    for name, value in ours.items():
        assert value.shape == model.params[name].shape, name
    (y * torch.tensor(r)).sum().backward()
    g = model.grad(params=ours, training=training, feeds={"x": x.detach().numpy(), "r": r, **layer.inputs})
    np.testing.assert_allclose(g.values["h"], y.detach().numpy(), rtol=TOLERANCE, atol=TOLERANCE)
    np.testing.assert_allclose(g["x"], x.grad.numpy(), rtol=TOLERANCE, atol=TOLERANCE)
    assert np.abs(g["x"]).max() > 1e-3
    for name, (of, turn) in layer.weights.items():
        wanted = turn(named[of].grad.numpy())
        np.testing.assert_allclose(g[name], wanted, rtol=TOLERANCE, atol=TOLERANCE, err_msg=name)
