"""Losses against torch.nn.functional with reduction='none': value and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import graphrun as gr

A = np.random.default_rng(0).normal(0, 2, (5, 4))
B = np.random.default_rng(1).normal(0, 2, (5, 4))
P = 1 / (1 + np.exp(-A))
Q = np.abs(B) / np.abs(B).sum(-1, keepdims=True)
R = np.abs(A) / np.abs(A).sum(-1, keepdims=True)
ZERO = np.where(R.min(-1, keepdims=True) == R, 0, R)
BITS = np.heaviside(B, 0)
SIGNS = np.sign(B)
CLASSES = np.array([0, 3, 2, 2, 1])
LEFT_OUT = np.array([0, -100, 2, -100, 1])
EDGE = np.array([[0.0, 1.0, 0.3, 0.7]])


def weights(like: Any) -> Any:
    """The weights of four classes, as a tensor."""
    return like.new_tensor([0.5, 1, 2, 1.5])


CASES: dict[str, tuple[str, Any, Any, Any]] = {  # our call, prediction, target, torch's call
    "squared_error": ("squared_error(p, t)", A, B, lambda F, p, t: F.mse_loss(p, t, reduction="none")),
    "absolute_error": ("absolute_error(p, t)", A, B, lambda F, p, t: F.l1_loss(p, t, reduction="none")),
    "absolute_error at 0": ("absolute_error(p, t)", A, A.copy(), lambda F, p, t: F.l1_loss(p, t, reduction="none")),
    "huber": ("huber(p, t)", A, B, lambda F, p, t: F.huber_loss(p, t, reduction="none")),
    "huber, delta": ("huber(p, t, 2.5)", A, B, lambda F, p, t: F.huber_loss(p, t, reduction="none", delta=2.5)),
    "huber at its joint": ("huber(p, t)", A, A + 1, lambda F, p, t: F.huber_loss(p, t, reduction="none")),
    "cross_entropy": ("cross_entropy(p, t)", A, CLASSES, lambda F, p, t: F.cross_entropy(p, t, reduction="none")),
    "cross_entropy, large": ("cross_entropy(p, t)", 500 * A, CLASSES, lambda F, p, t: F.cross_entropy(p, t, reduction="none")),
    "cross_entropy, smoothed": (
        "cross_entropy(p, t, label_smoothing=0.1)", A, CLASSES,
        lambda F, p, t: F.cross_entropy(p, t, reduction="none", label_smoothing=0.1),
    ),
    "cross_entropy, axis": (
        "cross_entropy(p, t, axis=1)", A.reshape(1, 5, 2, 2), np.array([[[0, 4], [2, 1]]]),
        lambda F, p, t: F.cross_entropy(p, t, reduction="none"),
    ),
    "cross_entropy, weight": (
        "cross_entropy(p, t, weight=[0.5, 1, 2, 1.5])", A, CLASSES, lambda F, p, t: F.cross_entropy(p, t, weights(p), reduction="none")
    ),
    "cross_entropy, ignored": (
        "cross_entropy(p, t, ignore_index=-100)", A, LEFT_OUT, lambda F, p, t: F.cross_entropy(p, t, reduction="none")
    ),
    "cross_entropy, everything": (
        "cross_entropy(p, t, -1, [0.5, 1, 2, 1.5], 2, 0.2)", A, CLASSES,
        lambda F, p, t: F.cross_entropy(p, t, weights(p), ignore_index=2, label_smoothing=0.2, reduction="none"),
    ),
    "cross_entropy, everything of images": (
        "cross_entropy(p, t, 1, [0.5, 1, 2, 1.5], -1, 0.2)", A.reshape(1, 4, 5, 1), np.array([[[0], [-1], [2], [2], [1]]]),
        lambda F, p, t: F.cross_entropy(p, t, weights(p), ignore_index=-1, label_smoothing=0.2, reduction="none"),
    ),
    "cross_entropy, probabilities": ("cross_entropy(p, t)", A, Q, lambda F, p, t: F.cross_entropy(p, t, reduction="none")),
    "cross_entropy, probabilities, large": ("cross_entropy(p, t)", 500 * A, Q, lambda F, p, t: F.cross_entropy(p, t, reduction="none")),
    "cross_entropy, probabilities of one row": (
        "cross_entropy(p, t)", A[0], Q[0], lambda F, p, t: F.cross_entropy(p, t, reduction="none")
    ),
    "cross_entropy, probabilities of images": (
        "cross_entropy(p, t, axis=1)", A.reshape(1, 4, 5, 1), B.reshape(1, 4, 5, 1), lambda F, p, t: F.cross_entropy(p, t, reduction="none")
    ),
    "cross_entropy, probabilities with everything": (
        "cross_entropy(p, t, 1, [0.5, 1, 2, 1.5], label_smoothing=0.2)", A.reshape(1, 4, 5), B.reshape(1, 4, 5),
        lambda F, p, t: F.cross_entropy(p, t, weights(p), label_smoothing=0.2, reduction="none"),
    ),
    "cross_entropy, a written class": (
        "cross_entropy(p, 2) + 0 * t", A[0], np.array(0.0), lambda F, p, t: F.cross_entropy(p, 2 + t.long(), reduction="none")
    ),
    "cross_entropy, written classes": (
        "cross_entropy(p, [0, 3, 2, 2, 1], label_smoothing=0.1) + 0 * t", A, np.array(0.0),
        lambda F, p, t: F.cross_entropy(p, p.new_tensor(CLASSES).long(), reduction="none", label_smoothing=0.1),
    ),
    "nll, a written class": (
        "nll(log_softmax(p), 3) + 0 * t", A[0], np.array(0.0),
        lambda F, p, t: F.nll_loss(F.log_softmax(p, -1), 3 + t.long(), reduction="none"),
    ),
    "cross_entropy, everything of one row": (
        "cross_entropy(p, t, weight=[0.5, 1, 2, 1.5], label_smoothing=0.2)", A[0], CLASSES[1],
        lambda F, p, t: F.cross_entropy(p, t, weights(p), label_smoothing=0.2, reduction="none"),
    ),
    "nll, weight and ignored": (
        "nll(log_softmax(p), t, weight=[0.5, 1, 2, 1.5], ignore_index=-100)", A, LEFT_OUT,
        lambda F, p, t: F.nll_loss(F.log_softmax(p, -1), t, weights(p), reduction="none"),
    ),
    "nll, axis": (
        "nll(log_softmax(p, axis=1), t, axis=1)", A.reshape(1, 4, 5), np.array([[0, 3, 2, 2, 1]]),
        lambda F, p, t: F.nll_loss(F.log_softmax(p, 1), t, reduction="none"),
    ),
    "binary_cross_entropy_with_logits, a pos_weight for each": (
        "binary_cross_entropy_with_logits(p, t, [0.5, 1, 2, 1.5])", A, BITS,
        lambda F, p, t: F.binary_cross_entropy_with_logits(p, t, reduction="none", pos_weight=weights(p)),
    ),
    "kl_divergence, axis": (
        "kl_divergence(t, p, axis=0)", Q, R, lambda F, p, t: F.kl_div(p.log(), t, reduction="none").sum(0),
    ),
    "nll": ("nll(log_softmax(p), t)", A, CLASSES, lambda F, p, t: F.nll_loss(F.log_softmax(p, -1), t, reduction="none")),
    "binary_cross_entropy": ("binary_cross_entropy(p, t)", P, BITS, lambda F, p, t: F.binary_cross_entropy(p, t, reduction="none")),
    "binary_cross_entropy, soft": ("binary_cross_entropy(p, t)", P, Q, lambda F, p, t: F.binary_cross_entropy(p, t, reduction="none")),
    "binary_cross_entropy_with_logits": (
        "binary_cross_entropy_with_logits(p, t)", A, BITS, lambda F, p, t: F.binary_cross_entropy_with_logits(p, t, reduction="none"),
    ),
    "binary_cross_entropy_with_logits, large": (
        "binary_cross_entropy_with_logits(p, t)", 300 * A, BITS, lambda F, p, t: F.binary_cross_entropy_with_logits(p, t, reduction="none"),
    ),
    "binary_cross_entropy_with_logits, pos_weight": (
        "binary_cross_entropy_with_logits(p, t, 3)", A, BITS,
        lambda F, p, t: F.binary_cross_entropy_with_logits(p, t, reduction="none", pos_weight=3 * t.new_ones(())),
    ),
    "hinge": ("hinge(p, t)", A, SIGNS, lambda F, p, t: F.margin_ranking_loss(p, 0 * p, t, margin=1, reduction="none")),
    "hinge at its kink": ("hinge(p, t, 0.5)", SIGNS / 2, SIGNS, lambda F, p, t: F.margin_ranking_loss(p, 0 * p, t, 0.5, reduction="none")),
    "kl_divergence": ("kl_divergence(t, p)", Q, R, lambda F, p, t: F.kl_div(p.log(), t, reduction="none").sum(-1)),
    "kl_divergence, zeros": ("kl_divergence(t, p)", Q, ZERO, lambda F, p, t: F.kl_div(p.log(), t, reduction="none").sum(-1)),
}  # fmt: skip


def model_of(call: str, p: Any, t: Any) -> Any:
    kind = "int64" if t.dtype.kind == "i" else "float64"
    return gr.loads(
        f"graphrun: 1\ninputs:\n  p: {{shape: {list(p.shape)}}}\n  t: {{shape: {list(t.shape)}, dtype: {kind}}}\n"
        f"nodes:\n  l: {call}\n  J: sum(l * (1 + l))\nloss: J\n"
    )


@pytest.mark.parametrize("name", CASES)
def test_losses_are_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    call, p, t, theirs = CASES[name]
    g = model_of(call, p, t).grad(feeds={"p": p, "t": t})
    x = torch.tensor(p, requires_grad=True)
    loss = theirs(torch.nn.functional, x, torch.tensor(t))
    (loss * (1 + loss)).sum().backward()
    assert g.values["l"].shape == tuple(loss.shape)
    np.testing.assert_allclose(g.values["l"], loss.detach().numpy(), rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(g["p"], x.grad.numpy(), rtol=1e-10, atol=1e-13)


def test_binary_cross_entropy_of_certain_predictions_is_finite() -> None:
    torch = pytest.importorskip("torch")
    t = np.array([[0.0, 1.0, 1.0, 0.0]])
    g = model_of("binary_cross_entropy(p, t)", EDGE, t).grad(feeds={"p": EDGE, "t": t})
    expected = torch.nn.functional.binary_cross_entropy(torch.tensor(EDGE), torch.tensor(t), reduction="none")
    np.testing.assert_allclose(g.values["l"], expected.numpy(), rtol=1e-12)
    wrong = model_of("binary_cross_entropy(p, t)", EDGE, 1 - t).grad(feeds={"p": EDGE, "t": 1 - t})
    assert wrong.values["l"][0, :2] == pytest.approx([100, 100])
    assert np.isfinite([g["p"], wrong["p"]]).all()


@pytest.mark.parametrize(
    "call",
    [
        *("squared_error(p, t)", "absolute_error(p, t)", "huber(p, t)", "hinge(p, t)", "binary_cross_entropy(p, t)"),
        *("binary_cross_entropy_with_logits(p, t)", "kl_divergence(p, t)", "cross_entropy(p, n)", "nll(p, n)"),
    ],
)
def test_nothing_broadcasts_by_accident(call: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(
            "graphrun: 1\ninputs:\n  p: {shape: [batch, 3]}\n  t: {shape: [batch, 1]}\n  n: {shape: [1], dtype: int64}\n"
            f"nodes:\n  J: mean({call})\nloss: J\n"
        )
    assert "different shapes" in str(caught.value)


def test_the_gradient_by_probabilities_is_torchs() -> None:
    torch = pytest.importorskip("torch")
    g = model_of("cross_entropy(p, t, label_smoothing=0.3)", A, Q).grad(feeds={"p": A, "t": Q})
    t = torch.tensor(Q, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(torch.tensor(A), t, reduction="none", label_smoothing=0.3)
    (loss * (1 + loss)).sum().backward()
    np.testing.assert_allclose(g["t"], t.grad.numpy(), rtol=1e-10, atol=1e-13)


WRONG = {
    "cross_entropy(p, z, axis=1)": (
        "`cross_entropy` wants the index of a class for each row, so a `target` of shape [batch, 4], and not [batch, 3, 4]",
        "`argmax(z, axis=1)` makes indices of rows that are 1 for one class; `cast(z, 'float64')` makes probabilities of them; "
        "an input that holds indices has shape [batch, 4]",
    ),
    "cross_entropy(p, i, axis=1)": (
        "`cross_entropy` wants the index of a class for each row, so a `target` of shape [batch, 4], and not [batch, 1, 4]",
        "declare it with shape [batch, 4], or write `squeeze(i, 1)`",
    ),
    "nll(p, i, axis=1)": (
        "`nll` wants the index of a class for each row, so a `target` of shape [batch, 4], and not [batch, 1, 4]",
        "declare it with shape [batch, 4], or write `squeeze(i, 1)`",
    ),
    "nll(p, r)": (
        "`nll` wants the index of a class for each row, so a `target` of shape [batch, 3], and not [batch, 3, 4]",
        "`argmax(r, axis=-1)` makes indices of rows that are 1 for one class; an input that holds indices has shape [batch, 3]",
    ),
    "cross_entropy(p, r, ignore_index=2)": (
        "in `cross_entropy`: `ignore_index` is a class that targets may name, and here the target has a probability for each class",
        "leave `ignore_index` out",
    ),
    "cross_entropy(p[0, 0], 1.5)": ("in `cross_entropy`: a class is a whole number from 0 on; here it is 1.5", None),
    "cross_entropy(p, 1)": (
        "in `cross_entropy`: prediction and target have different shapes: [batch, 3] and []",
        "bring them to one shape: `squeeze(x, axis)`, `expand_dims(x, axis)` or `reshape(x, shape)`",
    ),
}


@pytest.mark.parametrize("call", WRONG)
def test_a_target_that_does_not_fit_is_told(call: str) -> None:
    with pytest.raises(gr.SpecError) as caught:
        gr.loads(
            "graphrun: 1\ninputs:\n  p: {shape: [batch, 3, 4]}\n  r: {shape: [batch, 3, 4]}\n  z: {shape: [batch, 3, 4], dtype: int64}\n"
            f"  i: {{shape: [batch, 1, 4], dtype: int64}}\nnodes:\n  l: {call}\n"
        )
    (told,) = caught.value.diagnostics
    assert (told.message, told.help, told.place.line) == (*WRONG[call], 8)
