"""Optimizers against torch.optim: five steps on six small nets, from the same weights, to 1e-8."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

import graphrun as gr

RNG = np.random.default_rng(11)
ROWS, CLASSES = 6, 3
LABELS = [0, 2, 1, 1, 0, 2]
WORDS = [[0, 3, 6], [1, 1, 2], [5, 4, 3], [2, 6, 0], [1, 2, 3], [4, 4, 4]]

NETS = {  # shape of a row, formula of the logits
    "mlp": ([3], "x -> dense(8, tanh) -> dense(3)"),
    "cnn": (
        [1, 9, 9], "x -> conv(2, 3, padding=1, activation=relu) -> max_pool2d(2) -> conv(4, 3, activation=relu) -> flatten(1) -> dense(3)"
    ),
    "lstm": ([5, 2], "(x -> lstm(4))[0][:, -1] -> dense(3)"),
    "batch norm": ([3], "x -> dense(5, bias=false) -> batch_norm -> tanh -> dense(3)"),
    "transformer": ([4, 6], "mean(x -> transformer_block(2, 8, 0, gelu, causal=true), axis=1) -> dense(3)"),
    "embedding": ([3], "mean(x -> embedding(7, 4), axis=1) -> dense(3)"),
}


def fed(net: str) -> Any:
    if net == "embedding":
        return np.array(WORDS)
    return np.round(np.random.default_rng(len(net)).normal(0, 1, (ROWS, *NETS[net][0])), 3)


def transformer(torch: Any, p: dict[str, Any]) -> dict[str, Any]:
    """Our parameters of the block as those of torch's layer."""
    own = {n.removeprefix("h.0."): v for n, v in p.items() if n.startswith("h.0.")}
    out = {}
    for name, value in own.items():
        head, _, last = name.rpartition(".")
        if head.startswith("self_attn") and head[-2:] in (".q", ".k", ".v"):
            continue
        out[name.replace("self_attn.out", "self_attn.out_proj")] = value.T if last == "weight" and "norm" not in head else value
    out["self_attn.in_proj_weight"] = torch.cat([own[f"self_attn.{n}.weight"].T for n in "qkv"])
    out["self_attn.in_proj_bias"] = torch.cat([own[f"self_attn.{n}.bias"] for n in "qkv"])
    return out


def logits(torch: Any, net: str, x: Any, p: dict[str, Any]) -> Any:
    """What the net computes, in torch, on our parameters."""
    F = torch.nn.functional

    def dense(h: Any, name: str) -> Any:
        return h @ p[f"{name}.weight"] + p[f"{name}.bias"]

    match net:
        case "mlp":
            return dense(torch.tanh(dense(x, "h.0")), "h.1")
        case "cnn":
            h = F.max_pool2d(torch.relu(F.conv2d(x, p["h.0.weight"], p["h.0.bias"], padding=1)), 2)
            return dense(torch.relu(F.conv2d(h, p["h.1.weight"], p["h.1.bias"])).flatten(1), "h.2")
        case "lstm":
            module = torch.nn.LSTM(2, 4, batch_first=True, dtype=torch.float64)
            own = {f"weight_{n}_l0": p[f"h.0.weight_{n}"].T for n in ("ih", "hh")}
            own.update({f"bias_{n}_l0": p[f"h.0.bias_{n}"] for n in ("ih", "hh")})
            return dense(torch.func.functional_call(module, own, x)[0][:, -1], "h.1")
        case "batch norm":
            h = F.batch_norm(x @ p["h.0.weight"], None, None, p["h.1.weight"], p["h.1.bias"], training=True)
            return dense(torch.tanh(h), "h.2")
        case "transformer":
            layer = torch.nn.TransformerEncoderLayer(6, 2, 8, 0.0, "gelu", batch_first=True, dtype=torch.float64)
            mask = ~torch.tril(torch.ones(4, 4, dtype=torch.bool))
            return dense(torch.func.functional_call(layer, transformer(torch, p), (x,), {"src_mask": mask}).mean(1), "h.1")
        case _:
            return dense(p["h.0.weight"][x].mean(1), "h.1")


OPTIMIZERS: dict[str, tuple[str, Callable[[Any], Callable[[Any], Any]]]] = {
    "sgd": ("sgd(0.1)", lambda o: lambda p: o.SGD(p, 0.1)),
    "sgd by default": ("sgd", lambda o: lambda p: o.SGD(p)),
    "sgd, momentum": ("sgd(0.1, 0.9, dampening=0.2)", lambda o: lambda p: o.SGD(p, 0.1, 0.9, 0.2)),
    "sgd, nesterov": (
        "sgd(0.1, 0.9, nesterov=true, weight_decay=0.1)", lambda o: lambda p: o.SGD(p, 0.1, 0.9, nesterov=True, weight_decay=0.1)
    ),
    "sgd, weight decay": ("sgd(0.1, weight_decay=0.2)", lambda o: lambda p: o.SGD(p, 0.1, weight_decay=0.2)),
    "momentum": ("momentum(0.1, weight_decay=0.1)", lambda o: lambda p: o.SGD(p, 0.1, 0.9, weight_decay=0.1)),
    "nesterov": ("nesterov(0.1)", lambda o: lambda p: o.SGD(p, 0.1, 0.9, nesterov=True)),
    "adam": ("adam(0.02)", lambda o: lambda p: o.Adam(p, 0.02)),
    "adam, all": (
        "adam(0.02, 0.8, 0.99, 1e-6, 0.1)", lambda o: lambda p: o.Adam(p, 0.02, (0.8, 0.99), 1e-6, 0.1)
    ),
    "adam, amsgrad": ("adam(0.2, beta2=0.5, amsgrad=true)", lambda o: lambda p: o.Adam(p, 0.2, (0.9, 0.5), amsgrad=True)),
    "adamw": ("adamw(0.02)", lambda o: lambda p: o.AdamW(p, 0.02)),
    "adamw, amsgrad": (
        "adamw(0.2, beta2=0.5, weight_decay=0.3, amsgrad=true)",
        lambda o: lambda p: o.AdamW(p, 0.2, (0.9, 0.5), weight_decay=0.3, amsgrad=True),
    ),
    "rmsprop": ("rmsprop()", lambda o: lambda p: o.RMSprop(p)),
    "rmsprop, centered": (
        "rmsprop(0.02, centered=true, weight_decay=0.1)", lambda o: lambda p: o.RMSprop(p, 0.02, centered=True, weight_decay=0.1)
    ),
    "rmsprop, momentum": (
        "rmsprop(0.01, 0.9, 1e-6, 0.8, centered=true)", lambda o: lambda p: o.RMSprop(p, 0.01, 0.9, 1e-6, momentum=0.8, centered=True)
    ),
    "adagrad": ("adagrad()", lambda o: lambda p: o.Adagrad(p)),
    "adagrad, all": (
        "adagrad(0.1, 0.2, 0.1, 0.3, 1e-6)", lambda o: lambda p: o.Adagrad(p, 0.1, 0.2, 0.1, 0.3, 1e-6)
    ),
    "adadelta": ("adadelta()", lambda o: lambda p: o.Adadelta(p)),
    "adadelta, all": ("adadelta(0.5, 0.8, 1e-4, 0.1)", lambda o: lambda p: o.Adadelta(p, 0.5, 0.8, 1e-4, 0.1)),
}  # fmt: skip


IDLE = {"transformer": "h.0.self_attn.k.bias"}
"""What a loss does not depend on: a key's bias adds the same to all scores of a query, which softmax takes away again.

Its gradient is 0 but for rounding, of the size of 1e-18 here and in torch, and other rounding in each. From a bias of 0 it is all
there is; divided by its own size, and fed back by weight decay (with lr · weight_decay / eps far above 1), it makes steps of the size of
lr within five updates, in torch's numbers as in ours. Nothing else sees them. So this one is compared where it starts away from 0, and
everything else from both starts.
"""


def after_five_steps(
    torch: Any, net: str, optimizer: str, folder: Path, away: bool
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The parameters before, ours after, and torch's after; begun as initialized, or away from that (and from 0)."""
    written, theirs = OPTIMIZERS[optimizer]
    shape, formula = NETS[net]
    x = fed(net)
    kind = ", dtype: int64" if net == "embedding" else ""
    model = gr.loads(
        f"graphrun: 1\ninputs:\n  x: {{shape: [batch, {', '.join(map(str, shape))}], default: {x.tolist()}{kind}}}\n"
        f"  label: {{shape: [batch], dtype: int64, default: {LABELS}}}\nnodes:\n  h: {formula}\n  J: mean(cross_entropy(h, label))\n"
        f'loss: J\ntrain: {{steps: 5, optimizer: "{written}"}}\n'
    )
    before = {name: value + 0.1 * away * RNG.normal(size=value.shape) for name, value in model.params.items()}
    save_file({**model.state, **before}, folder / "start.safetensors")
    model.load_params(folder / "start.safetensors")
    p = {name: torch.tensor(value, requires_grad=True) for name, value in before.items()}
    opt = theirs(torch.optim)(list(p.values()))
    data, label = torch.tensor(x), torch.tensor(LABELS)
    for _ in range(5):
        opt.zero_grad()
        torch.nn.functional.cross_entropy(logits(torch, net, data, p), label).backward()
        opt.step()
    return before, model.train().params, {name: value.detach().numpy() for name, value in p.items()}


def hold(net: str, optimizer: str, folder: Path, away: bool) -> None:
    torch = pytest.importorskip("torch")
    before, ours, theirs = after_five_steps(torch, net, optimizer, folder, away)
    for name, value in theirs.items():
        if not away and name == IDLE.get(net):
            continue
        assert np.abs(ours[name] - before[name]).max() > 1e-6 or name == IDLE.get(net), name
        np.testing.assert_allclose(ours[name], value, rtol=1e-8, atol=1e-8, err_msg=name)


OTHERS = [net for net in NETS if net != "mlp"]
SLICE = [(OTHERS[k % len(OTHERS)], optimizer) for k, optimizer in enumerate(OPTIMIZERS)]
SLICE += [("transformer", "adam, all"), ("batch norm", "rmsprop, centered"), ("lstm", "adadelta, all"), ("cnn", "adagrad, all")]


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_is_torchs_on_one_net(optimizer: str, tmp_path: Path) -> None:
    hold("mlp", optimizer, tmp_path, away=True)


@pytest.mark.parametrize(("net", "optimizer"), dict.fromkeys(SLICE))
def test_every_optimizer_is_torchs_on_another_net(net: str, optimizer: str, tmp_path: Path) -> None:
    hold(net, optimizer, tmp_path, away=False)


@pytest.mark.slow
@pytest.mark.parametrize("away", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("net", NETS)
def test_every_optimizer_is_torchs_on_every_net(net: str, optimizer: str, away: bool, tmp_path: Path) -> None:
    hold(net, optimizer, tmp_path, away)


def test_the_gradient_of_a_keys_bias_is_rounding() -> None:
    shape, formula = NETS["transformer"]
    x = fed("transformer").tolist()
    model = gr.loads(
        f"graphrun: 1\ninputs:\n  x: {{shape: [batch, {', '.join(map(str, shape))}], default: {x}}}\nnodes:\n  h: {formula}\n"
        "  J: mean(h^2)\nloss: J\n"
    )
    g = model.grad()
    assert np.abs(g["h.0.self_attn.k.bias"]).max() < 1e-15
    assert np.abs(g["h.0.self_attn.q.bias"]).max() > 1e-6


def test_lion_is_as_published() -> None:
    model = gr.loads(
        'graphrun: 1\nparams: {w: [1.0, -2.0, 0.5]}\nnodes:\n  J: sum((w - [0.98, 1.0, 0.6])^2)\nloss: J\n'
        'train: {steps: 6, optimizer: "lion(0.01, 0.9, 0.99, 0.1)"}\n'
    )
    w, m = np.array([1.0, -2.0, 0.5]), np.zeros(3)
    for _ in range(6):
        g = 2 * (w - [0.98, 1.0, 0.6])
        w = w - 0.01 * (np.sign(0.9 * m + 0.1 * g) + 0.1 * w)
        m = 0.99 * m + 0.01 * g
    np.testing.assert_allclose(model.train().params["w"], w, rtol=1e-12)


@pytest.mark.parametrize("engine", ["python", "reference"])
@pytest.mark.parametrize(
    ("call", "make"),
    [
        ("adam(lr=0.01)", lambda o, p: o.Adam(p, 0.01)),
        ("adam(lr=0.01, amsgrad=true)", lambda o, p: o.Adam(p, 0.01, amsgrad=True)),
        ("adamw(lr=0.01)", lambda o, p: o.AdamW(p, 0.01)),
        ("adagrad(lr=0.1, lr_decay=0.1)", lambda o, p: o.Adagrad(p, 0.1, lr_decay=0.1)),
    ],
)
def test_three_hundred_steps_in_float32_are_torchs(call: str, make: Callable[[Any, Any], Any], engine: str) -> None:
    """Powers of beta are float64 there: 1 - 0.999 in float32 is off by 5e-5 of itself."""
    torch = pytest.importorskip("torch")
    start = np.linspace(-2, 3, 7).astype("float32").tolist()
    model = gr.loads(
        f"graphrun: 1\ndtype: float32\nparams: {{w: {start}, v: 0.5}}\nnodes:\n  J: sum(w^4 / 4 - v * w)\nloss: J\n"
        f'train: {{optimizer: "{call}", steps: 300}}\n'
    )
    ours = model.train(engine=engine).params
    w, v = (torch.tensor(value, dtype=torch.float32, requires_grad=True) for value in (start, 0.5))
    optimizer = make(torch.optim, [w, v])
    for _ in range(300):
        optimizer.zero_grad()
        (w**4 / 4 - v * w).sum().backward()
        optimizer.step()
    assert ours["w"].dtype == ours["v"].dtype == "float32"
    np.testing.assert_allclose(ours["w"], w.detach().numpy(), rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(ours["v"], v.detach().numpy(), rtol=2e-6)
