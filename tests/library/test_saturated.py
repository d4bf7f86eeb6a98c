"""Losses of saturated predictions, arguments of 0, and texts that name nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr

torch = pytest.importorskip("torch")
F = torch.nn.functional


def found(formula: str, dtype: str, **feeds: Any) -> tuple[Any, Any]:
    """The value of a formula over p and others, and the gradient of its sum by p."""
    given = {name: np.asarray(v, dtype) for name, v in feeds.items()}
    inputs = "".join(f"  {name}: {{shape: {list(v.shape)}}}\n" for name, v in given.items())
    model = gr.loads(f"graphrun: 1\ndtype: {dtype}\ninputs:\n{inputs}nodes:\n  y: {formula}\n  J: sum(y)\nloss: J\n")
    g = model.grad(feeds=given)
    return g.values["y"], g["p"]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_binary_cross_entropy_of_certainties(dtype: str) -> None:
    p, t = [0.0, 0.0, 1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0, 0.25, 0.25]
    value, slope = found("binary_cross_entropy(p, t)", dtype, p=p, t=t)
    np.testing.assert_array_equal(value, F.binary_cross_entropy(torch.tensor(p), torch.tensor(t), reduction="none").numpy())
    np.testing.assert_array_equal(slope, [1, 0, 0, -1, 0.75, -0.25])


@pytest.mark.parametrize(("dtype", "rtol"), [("float32", 1e-6), ("float64", 1e-14)])
def test_binary_cross_entropy_of_small_predictions_keeps_its_digits(dtype: str, rtol: float) -> None:
    p = np.array([1e-20, 1e-10, 1e-5], dtype)
    theirs = F.binary_cross_entropy(torch.tensor(p), torch.zeros(3, dtype=getattr(torch, dtype)), reduction="none")
    np.testing.assert_allclose(found("binary_cross_entropy(p, t)", dtype, p=p, t=np.zeros(3))[0], theirs.numpy(), rtol=rtol)


def test_a_saturated_classifier_in_single_precision_has_a_gradient() -> None:
    _, slope = found("binary_cross_entropy(sigmoid(p), t)", "float32", p=[-120.0, 30.0, 0.0], t=[1.0, 0.0, 1.0])
    np.testing.assert_array_equal(slope, [0, 0, -0.5])


@pytest.mark.parametrize(("dtype", "small"), [("float32", 1e-40), ("float64", 1e-310)])
def test_kl_divergence_from_next_to_nothing(dtype: str, small: float) -> None:
    p, q = np.array([[0.5, 0.5], [1.0, 0.0]], dtype), np.array([[1.0, small], [small, 1.0]], dtype)
    t = torch.tensor(p), torch.tensor(q)
    theirs = F.kl_div(t[1].log(), t[0], reduction="none").sum(-1)
    np.testing.assert_allclose(found("kl_divergence(p, q)", dtype, p=p, q=q)[0], theirs.numpy(), rtol=1e-6)
    value, slope = found("kl_divergence(q, p)", dtype, p=[[0.0, 1.0]], q=[[0.5, 0.5]])
    assert (value, slope[0, 0]) == (np.inf, -np.inf)


def test_a_weight_and_a_scale_of_zero_are_meant() -> None:
    logits, target = np.array([-2.0, 0.5, 3.0]), np.array([0.0, 1.0, 0.25])
    value, _ = found("binary_cross_entropy_with_logits(p, t, pos_weight=0)", "float64", p=logits, t=target)
    pair = torch.tensor(logits), torch.tensor(target)
    theirs = F.binary_cross_entropy_with_logits(*pair, pos_weight=torch.tensor(0.0), reduction="none")
    np.testing.assert_allclose(value, theirs.numpy(), rtol=1e-12)
    x = np.arange(6.0).reshape(3, 2)
    value, _ = found("attention(p, p, p, scale=0)", "float64", p=x)
    np.testing.assert_allclose(value, np.broadcast_to(x.mean(0), (3, 2)), rtol=1e-12)
    value, _ = found("attention(p, p, p, scale=s)", "float64", p=x, s=0.5)  # a value of the graph
    theirs = F.scaled_dot_product_attention(*[torch.tensor(x)[None]] * 3, scale=0.5)[0]
    np.testing.assert_allclose(value, theirs.numpy(), rtol=1e-12)


@pytest.mark.parametrize(
    ("init", "optimizer", "told"),
    [
        ("he_normal(mode='fanout')", "sgd()", "its `mode` is the text 'fanout'"),
        ("he_uniform(mode='fan_avg')", "sgd()", "its `mode` is the text 'fan_avg'"),
        ("ones()", "sgd(one_cycle(0.1, anneal_strategy='cosine'))", "its `anneal_strategy` is the text 'cosine'"),
    ],
)
def test_a_text_that_names_nothing_is_told(init: str, optimizer: str, told: str) -> None:
    text = f'graphrun: 1\nparams: {{w: {{shape: [3, 2], init: "{init}"}}}}\nnodes: {{J: sum(w)}}\nloss: J\n'
    with pytest.raises(gr.SpecError, match=told):
        gr.loads(text + f'train: {{steps: 3, optimizer: "{optimizer}"}}\n').train()
