"""The gallery of models beside the same models in torch: parameters, loss, every gradient, and one step of training.

The numbers of a step in `expect` of these specs are torch's, from the initial values of the spec.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.model import run_expectations

MODELS = Path(__file__).resolve().parents[2] / "specs" / "models"


def dense(p: Any, h: Any, name: str) -> Any:
    return h @ p[f"{name}.weight"] + p[f"{name}.bias"]


def autoencoder(torch: Any, p: Any, x: Any) -> Any:
    back = dense(p, torch.sigmoid(dense(p, x["x"], "code")), "back")
    return torch.nn.functional.binary_cross_entropy_with_logits(back, x["x"])


def lenet(torch: Any, p: Any, x: Any) -> Any:
    F = torch.nn.functional
    h = F.avg_pool2d(torch.tanh(F.conv2d(x["image"], p["first.weight"], p["first.bias"], padding=2)), 2)
    h = F.avg_pool2d(torch.tanh(F.conv2d(h, p["second.weight"], p["second.bias"])), 2).flatten(1)
    return F.cross_entropy(dense(p, torch.tanh(dense(p, h, "hidden")), "logits"), x["label"])


def lstm_classifier(torch: Any, p: Any, x: Any) -> Any:
    module = torch.nn.LSTM(1, 4, batch_first=True, dtype=torch.float64)
    own = {f"weight_{n}_l0": p[f"memory.weight_{n}"].T for n in ("ih", "hh")}
    own.update({f"bias_{n}_l0": p[f"memory.bias_{n}"] for n in ("ih", "hh")})
    h = torch.func.functional_call(module, own, x["bits"])[0][:, -1]
    return torch.nn.functional.cross_entropy(dense(p, h, "logits"), x["label"])


def character_gpt(torch: Any, p: Any, x: Any) -> Any:
    F = torch.nn.functional
    h = p["letter"][x["tokens"]] + p["place"]
    for k in range(2):
        layer = torch.nn.TransformerEncoderLayer(16, 2, 32, 0.0, "gelu", batch_first=True, norm_first=True, dtype=torch.float64)
        own = {n.removeprefix(f"blocks.{k}."): v for n, v in p.items() if n.startswith(f"blocks.{k}.")}
        given = {n: v.T if n.startswith("linear") and n.endswith("weight") else v for n, v in own.items() if "self_attn" not in n}
        given["self_attn.in_proj_weight"] = torch.cat([own[f"self_attn.{n}.weight"].T for n in "qkv"])
        given["self_attn.in_proj_bias"] = torch.cat([own[f"self_attn.{n}.bias"] for n in "qkv"])
        given["self_attn.out_proj.weight"], given["self_attn.out_proj.bias"] = own["self_attn.out.weight"].T, own["self_attn.out.bias"]
        hidden = torch.triu(torch.ones(6, 6, dtype=torch.bool), 1)
        h = torch.func.functional_call(layer, given, (h,), {"src_mask": hidden})
    h = F.layer_norm(h, [16], p["final.weight"], p["final.bias"])
    return F.cross_entropy((h @ p["letter"].T).flatten(0, 1), x["following"].flatten())


CASES: dict[str, tuple[Callable[[Any, Any, Any], Any], Callable[[Any, Any], Any]]] = {
    "autoencoder": (autoencoder, lambda o, p: o.Adam(p, 0.05)),
    "lenet": (lenet, lambda o, p: o.SGD(p, 0.1, 0.9)),
    "lstm_classifier": (lstm_classifier, lambda o, p: o.Adam(p, 0.05)),
    "character_gpt": (character_gpt, lambda o, p: o.AdamW(p, 0.01 / 5, weight_decay=0.01)),
}


def one_step(torch: Any, name: str, model: Any) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[float]]:
    """In torch: the data, the gradients, the parameters after a step, and the losses before and after it."""
    forward, optimizer = CASES[name]
    x = {n: torch.tensor(v) for n, v in model.dataset.train.items()}
    p = {n: torch.tensor(v, requires_grad=True) for n, v in model.params.items()}
    made = optimizer(torch.optim, list(p.values()))
    loss = forward(torch, p, x)
    loss.backward()
    gradients = {n: v.grad.numpy().copy() for n, v in p.items()}
    if model.spec.model.train.clip is not None:
        torch.nn.utils.clip_grad_norm_(list(p.values()), 1.0)
    made.step()
    losses = [loss.item(), forward(torch, p, x).item()]
    return x, gradients, {n: v.detach().numpy() for n, v in p.items()}, losses


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_torchs(name: str) -> None:
    torch = pytest.importorskip("torch")
    model = gr.load(MODELS / f"{name}.yaml")
    x, gradients, after, losses = one_step(torch, name, model)
    expected = [entry.values["J"] for entry in model.spec.model.expect if "J" in entry.values]
    assert losses == pytest.approx(expected, rel=1e-10)
    g = model.grad(feeds={n: v.numpy() for n, v in x.items()})
    assert g.loss == pytest.approx(losses[0], rel=1e-12)
    for n, value in gradients.items():
        np.testing.assert_allclose(g[n], value, rtol=1e-8, atol=1e-14, err_msg=n)
    ours = model.train(steps=1).params
    for n, value in after.items():
        np.testing.assert_allclose(ours[n], value, rtol=1e-8, atol=1e-8, err_msg=n)


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_models_expect_holds(path: Path) -> None:
    model = gr.load(path)
    assert [check for check in run_expectations(model) if not check.ok] == []
