"""The gallery of models beside the same models in torch: parameters, loss, every gradient, and one step of training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from beside_torch import MODELS, Forward, Optimizer, agrees_for_a_step, dense

import graphrun as gr
from graphrun.model import run_expectations


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


CASES: dict[str, tuple[Forward, Optimizer]] = {
    "autoencoder": (autoencoder, lambda o, p: o.Adam(p, 0.05)),
    "lenet": (lenet, lambda o, p: o.SGD(p, 0.1, 0.9)),
    "lstm_classifier": (lstm_classifier, lambda o, p: o.Adam(p, 0.05)),
    "character_gpt": (character_gpt, lambda o, p: o.AdamW(p, 0.01 / 5, weight_decay=0.01)),
}


@pytest.mark.parametrize("name", CASES)
def test_a_step_is_torchs(name: str) -> None:
    agrees_for_a_step(name, *CASES[name])


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_the_models_expect_holds(path: Path) -> None:
    model = gr.load(path)
    assert [check for check in run_expectations(model) if not check.ok] == []
