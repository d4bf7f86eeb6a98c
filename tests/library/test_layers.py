"""Layers against torch.nn on the same weights: value and every gradient, in training and in evaluation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from library_helpers import Layer, compare, drawn, flipped, part, same

import graphrun as gr

DENSE = {"h.weight": ("weight", flipped), "h.bias": ("bias", same)}
PLAIN = {"h.weight": ("weight", same), "h.bias": ("bias", same)}
RECURRENT = {
    "h.weight_ih": ("weight_ih_l0", flipped),
    "h.weight_hh": ("weight_hh_l0", flipped),
    "h.bias_ih": ("bias_ih_l0", same),
    "h.bias_hh": ("bias_hh_l0", same),
}
WITHOUT = {name: of for name, of in RECURRENT.items() if "weight" in name}
HEADS = {
    **{f"h.{n}.weight": ("in_proj_weight", part(k, 3)) for k, n in enumerate("qkv")},
    **{f"h.{n}.bias": ("in_proj_bias", part(k, 3, False)) for k, n in enumerate("qkv")},
    "h.out.weight": ("out_proj.weight", flipped),
    "h.out.bias": ("out_proj.bias", same),
}
BLOCK = {
    **{name.replace("h.", "h.self_attn."): (f"self_attn.{of}", turn) for name, (of, turn) in HEADS.items()},
    **{f"h.{n}.weight": (f"{n}.weight", flipped if n.startswith("l") else same) for n in ("linear1", "linear2", "norm1", "norm2")},
    **{f"h.{n}.bias": (f"{n}.bias", same) for n in ("linear1", "linear2", "norm1", "norm2")},
}
MASK = np.array([[True, False, True, True], [True, True, False, True], [False, True, True, False], [True, True, True, True]])


def attend(module: Any, x: Any, **more: Any) -> Any:
    return module(x, x, x, need_weights=False, **more)[0]


def as_torch(value: Any) -> Any:
    import torch

    return torch.tensor(value)


def causal(module: Any, x: Any) -> Any:
    return attend(module, x, attn_mask=~as_torch(np.tri(x.shape[-2], dtype=bool)))


def block(torch: Any, **more: Any) -> Any:
    return torch.nn.TransformerEncoderLayer(6, 2, 10, dropout=0.0, batch_first=True, **more)


def first(module: Any, x: Any) -> Any:
    return module(x)[0]


LAYERS = {
    "dense": Layer("x -> dense(3)", (4, 5), lambda t: t.nn.Linear(5, 3), DENSE),
    "dense of a sequence": Layer("x -> dense(3, tanh)", (2, 4, 5), lambda t: t.nn.Linear(5, 3), DENSE, lambda m, x: m(x).tanh()),
    "dense without a bias": Layer(
        "x -> dense(3, bias=false)", (4, 5), lambda t: t.nn.Linear(5, 3, bias=False), {"h.weight": ("weight", flipped)}
    ),
    "conv": Layer("x -> conv(4, 3)", (2, 3, 6, 5), lambda t: t.nn.Conv2d(3, 4, 3), PLAIN),
    "conv with everything": Layer(
        "x -> conv(4, [3, 2], stride=[2, 1], padding=[1, 2], dilation=[1, 2], groups=2)", (2, 4, 6, 5),
        lambda t: t.nn.Conv2d(4, 4, (3, 2), (2, 1), (1, 2), (1, 2), 2), PLAIN,
    ),
    "conv same, relu": Layer(
        "x -> conv(2, 3, padding='same', activation=relu, bias=false)", (2, 3, 4, 5),
        lambda t: t.nn.Conv2d(3, 2, 3, padding="same", bias=False), {"h.weight": ("weight", same)}, lambda m, x: m(x).relu(),
    ),
    "conv of sequences": Layer("x -> conv(4, [3], stride=2)", (2, 3, 7), lambda t: t.nn.Conv1d(3, 4, 3, 2), PLAIN),
    "conv of one image": Layer("x -> conv(4, 3)", (3, 6, 5), lambda t: t.nn.Conv2d(3, 4, 3), PLAIN, one_row=True),
    "layer norm": Layer("x -> layer_norm", (4, 3, 5), lambda t: t.nn.LayerNorm(5), PLAIN),
    "layer norm of two axes": Layer("x -> layer_norm([3, 5], 1e-3)", (4, 3, 5), lambda t: t.nn.LayerNorm([3, 5], 1e-3), PLAIN),
    "layer norm alone": Layer(
        "x -> layer_norm(elementwise_affine=false)", (4, 5), lambda t: t.nn.LayerNorm(5, elementwise_affine=False), {}
    ),
    "rms norm": Layer("x -> rms_norm(eps=1e-4)", (4, 3, 5), lambda t: t.nn.RMSNorm(5, 1e-4), {"h.weight": ("weight", same)}),
    "group norm": Layer("x -> group_norm(2)", (3, 4, 2, 3), lambda t: t.nn.GroupNorm(2, 4), PLAIN),
    "group norm of one image": Layer(
        "x -> group_norm(2, axis=0)", (4, 2, 3), lambda t: t.nn.GroupNorm(2, 4), PLAIN, lambda m, x: m(x[None])[0], one_row=True
    ),
    "group norm of features": Layer("x -> group_norm(2, affine=false)", (3, 4), lambda t: t.nn.GroupNorm(2, 4, affine=False), {}),
    "batch norm": Layer("x -> batch_norm", (6, 3), lambda t: t.nn.BatchNorm1d(3), PLAIN),
    "batch norm of sequences": Layer("x -> batch_norm(1e-3)", (3, 4, 5), lambda t: t.nn.BatchNorm1d(4, 1e-3), PLAIN),
    "batch norm of images": Layer("x -> batch_norm", (3, 2, 4, 3), lambda t: t.nn.BatchNorm2d(2), PLAIN),
    "batch norm alone": Layer("x -> batch_norm(affine=false)", (6, 3), lambda t: t.nn.BatchNorm1d(3, affine=False), {}),
    "multi head attention": Layer(
        "x -> multi_head_attention(2)", (3, 4, 6), lambda t: t.nn.MultiheadAttention(6, 2, batch_first=True), HEADS, attend
    ),
    "multi head attention of one sequence": Layer(
        "x -> multi_head_attention(3, causal=true)", (4, 6), lambda t: t.nn.MultiheadAttention(6, 3, batch_first=True), HEADS, causal,
        one_row=True,
    ),
    "multi head attention, causal": Layer(
        "x -> multi_head_attention(2, causal=true)", (3, 4, 6), lambda t: t.nn.MultiheadAttention(6, 2, batch_first=True), HEADS, causal
    ),
    "multi head attention, masked": Layer(
        "x -> multi_head_attention(2, mask=m)", (3, 4, 6), lambda t: t.nn.MultiheadAttention(6, 2, batch_first=True), HEADS,
        lambda m, x: attend(m, x, attn_mask=~as_torch(MASK)), {"m": MASK},
    ),
    "multi head attention, other keys and values": Layer(
        "x -> multi_head_attention(2, k, v, bias=false)", (3, 4, 6),
        lambda t: t.nn.MultiheadAttention(6, 2, kdim=5, vdim=3, bias=False, batch_first=True),
        {
            "h.q.weight": ("q_proj_weight", flipped), "h.k.weight": ("k_proj_weight", flipped), "h.v.weight": ("v_proj_weight", flipped),
            "h.out.weight": ("out_proj.weight", flipped),
        },
        lambda m, x: m(x, as_torch(drawn(7, 3, 2, 5)), as_torch(drawn(8, 3, 2, 3)))[0], {"k": drawn(7, 3, 2, 5), "v": drawn(8, 3, 2, 3)},
    ),
    "transformer block": Layer("x -> transformer_block(2, 10, 0)", (3, 4, 6), block, BLOCK),
    "transformer block, norm first": Layer(
        "x -> transformer_block(2, 10, 0, gelu, norm_first=true)", (3, 4, 6), lambda t: block(t, norm_first=True, activation="gelu"), BLOCK
    ),
    "transformer block, causal": Layer(
        "x -> transformer_block(2, 10, 0, causal=true, layer_norm_eps=1e-4)", (3, 4, 6), lambda t: block(t, layer_norm_eps=1e-4), BLOCK,
        lambda m, x: m(x, src_mask=~as_torch(np.tri(4, dtype=bool))),
    ),
    "rnn": Layer("x -> rnn(4)", (3, 5, 2), lambda t: t.nn.RNN(2, 4, batch_first=True), RECURRENT, first),
    "rnn, relu": Layer("x -> rnn(4, relu)", (3, 5, 2), lambda t: t.nn.RNN(2, 4, nonlinearity="relu", batch_first=True), RECURRENT, first),
    "rnn without a bias": Layer(
        "x -> rnn(4, bias=false, h0=s)", (3, 5, 2), lambda t: t.nn.RNN(2, 4, bias=False, batch_first=True), WITHOUT,
        lambda m, x: m(x, as_torch(drawn(7, 1, 3, 4)))[0], {"s": drawn(7, 1, 3, 4)[0]},
    ),
    "lstm": Layer("(x -> lstm(4))[0]", (3, 5, 2), lambda t: t.nn.LSTM(2, 4, batch_first=True), RECURRENT, first),
    "lstm, the last cell": Layer(
        "(x -> lstm(4))[1][:, -1]", (3, 5, 2), lambda t: t.nn.LSTM(2, 4, batch_first=True), RECURRENT, lambda m, x: m(x)[1][1][0]
    ),
    "lstm of one sequence": Layer("x -> lstm(4)[0]", (5, 2), lambda t: t.nn.LSTM(2, 4), RECURRENT, first, one_row=True),
    "lstm without a bias": Layer(
        "x -> lstm(4, bias=false, h0=s, c0=c)[0]", (3, 5, 2), lambda t: t.nn.LSTM(2, 4, bias=False, batch_first=True), WITHOUT,
        lambda m, x: m(x, (as_torch(drawn(7, 1, 3, 4)), as_torch(drawn(8, 1, 3, 4))))[0],
        {"s": drawn(7, 1, 3, 4)[0], "c": drawn(8, 1, 3, 4)[0]},
    ),
    "gru": Layer("x -> gru(4)", (3, 5, 2), lambda t: t.nn.GRU(2, 4, batch_first=True), RECURRENT, first),
    "gru without a bias": Layer("x -> gru(4, bias=false)", (5, 2), lambda t: t.nn.GRU(2, 4, bias=False), WITHOUT, first, one_row=True),
    "residual": Layer("x -> residual(dense(5))", (4, 5), lambda t: t.nn.Linear(5, 5), DENSE, lambda m, x: x + m(x)),
}  # fmt: skip


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_torchs(name: str, training: bool) -> None:
    compare(LAYERS[name], pytest.importorskip("torch"), training)


@pytest.mark.parametrize("shape", [(6, 3), (3, 3, 4), (2, 3, 4, 2)], ids=["features", "sequences", "images"])
def test_running_statistics_follow_torchs_over_several_steps(shape: tuple[int, ...]) -> None:
    torch = pytest.importorskip("torch")
    sizes = ", ".join(map(str, shape[1:]))
    model = gr.loads(
        f"graphrun: 1\ninputs: {{x: {{shape: [batch, {sizes}]}}}}\nnodes:\n  h: x -> batch_norm(momentum=0.3)\n  J: mean(tanh(h)^2)\n"
        f"loss: J\ndata:\n  columns: [x]\n  rows: {[[v] for v in drawn(5, 3 * shape[0], *shape[1:]).tolist()]}\n"
        f'train: {{steps: 5, batch: {shape[0]}, shuffle: false, optimizer: "sgd(lr=0.1, momentum=0.9)"}}\n'
    )
    run = model.train()
    rows = torch.tensor(drawn(5, 3 * shape[0], *shape[1:]))
    layer = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d}[len(shape)](3, momentum=0.3, dtype=torch.float64)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9)
    for k in range(5):
        optimizer.zero_grad()
        at = k % 3 * shape[0]
        (torch.tanh(layer(rows[at : at + shape[0]])) ** 2).mean().backward()
        optimizer.step()
    for ours, theirs in (("running_mean", layer.running_mean), ("running_var", layer.running_var)):
        np.testing.assert_allclose(run.state[f"h.{ours}"], theirs.numpy(), rtol=1e-10)
    np.testing.assert_allclose(run.params["h.weight"], layer.weight.detach().numpy(), rtol=1e-10)
    layer.eval()
    np.testing.assert_allclose(model.run(feeds={"x": rows.numpy()})["h"], layer(rows).detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("padding", [None, 2])
def test_embedding_is_torchs(padding: int | None) -> None:
    torch = pytest.importorskip("torch")
    model = gr.loads(
        "graphrun: 1\ninputs: {x: {shape: [batch, 3], dtype: int64}, r: {shape: [batch, 3, 4]}}\n"
        f"nodes:\n  h: x -> embedding(5, 4, {'none' if padding is None else padding})\n  J: sum(h * r)\nloss: J\n"
    )
    start = model.params["h.weight"]
    assert (np.abs(start).max(axis=1) == 0).tolist() == [k == padding for k in range(5)]
    weight, x, r = drawn(1, 5, 4), np.array([[0, 2, 4], [2, 2, 1]]), drawn(2, 2, 3, 4)
    layer = torch.nn.Embedding(5, 4, padding_idx=padding, _weight=torch.tensor(weight))
    h = layer(torch.tensor(x))
    (h * torch.tensor(r)).sum().backward()
    g = model.grad(params={"h.weight": weight}, feeds={"x": x, "r": r})
    np.testing.assert_array_equal(g.values["h"], h.detach().numpy())
    np.testing.assert_allclose(g["h.weight"], layer.weight.grad.numpy(), rtol=1e-12)
    assert np.abs(g["h.weight"][2]).max() == 0 if padding == 2 else np.abs(g["h.weight"][2]).max() > 0


@pytest.mark.parametrize(
    ("arguments", "theirs"),
    [
        ("", {}),
        (", causal=true", {"is_causal": True}),
        (", m", {"attn_mask": True}),
        (", mask=m, scale=0.3", {"attn_mask": True, "scale": 0.3}),
    ],
)
def test_attention_is_torchs(arguments: str, theirs: dict[str, Any]) -> None:
    torch = pytest.importorskip("torch")
    model = gr.loads(
        "graphrun: 1\ninputs:\n  q: {shape: [batch, 2, 4, 3]}\n  k: {shape: [batch, 2, 4, 3]}\n  v: {shape: [batch, 2, 4, 5]}\n"
        f"  r: {{shape: [batch, 2, 4, 5]}}\n  m: {{shape: [4, 4], dtype: bool}}\nnodes:\n  h: attention(q, k, v{arguments})\n"
        "  J: sum(h * r)\nloss: J\n"
    )
    x = {n: drawn(s, 3, 2, 4, d) for s, (n, d) in enumerate({"q": 3, "k": 3, "v": 5, "r": 5}.items())}
    t = {n: torch.tensor(value, requires_grad=True) for n, value in x.items()}
    more = {**theirs, **({"attn_mask": torch.tensor(MASK)} if "attn_mask" in theirs else {})}
    h = torch.nn.functional.scaled_dot_product_attention(t["q"], t["k"], t["v"], **more)
    (h * t["r"]).sum().backward()
    g = model.grad(feeds={**x, "m": MASK})
    np.testing.assert_allclose(g.values["h"], h.detach().numpy(), rtol=1e-10, atol=1e-12)
    for name in "qkv":
        np.testing.assert_allclose(g[name], t[name].grad.numpy(), rtol=1e-10, atol=1e-12)


def test_dropout_of_layers_is_active_in_training_alone() -> None:
    text = "graphrun: 1\ninputs: {x: {shape: [batch, 4, 6]}}\nnodes:\n  h: x -> transformer_block(2, 10, %s)\n  J: sum(h)\nloss: J\n"
    with_, without = gr.loads(text % "0.5"), gr.loads(text % "0")
    x = drawn(1, 3, 4, 6)
    still = without.run(params=with_.params, x=x)["h"]
    np.testing.assert_array_equal(with_.run(x=x)["h"], still)
    assert np.abs(with_.run(x=x, training=True)["h"] - still).max() > 0.1
    drops = [n for n in with_.built_for(True).graph.names if "self_attn" in n or "norm" in n]
    assert drops
    masks = [op.name for op in map(with_.built_for(True).graph.op, range(len(with_.built_for(True).graph)))].count("dropout_mask")
    assert masks == 4  # the weights of the attention, its value, the hidden layer, the last one


@pytest.mark.parametrize(
    ("layer", "shape", "make"),
    [
        ("dense(30)", (40,), lambda t: t.nn.Linear(40, 30)),
        ("conv(20, 3)", (12, 5, 5), lambda t: t.nn.Conv2d(12, 20, 3)),
        ("conv(20, [3], groups=2)", (12, 5), lambda t: t.nn.Conv1d(12, 20, 3, groups=2)),
        ("embedding(50, 20)", (), lambda t: t.nn.Embedding(50, 20)),
        ("rnn(30)", (2, 40), lambda t: t.nn.RNN(40, 30)),
        ("lstm(30)[0]", (2, 40), lambda t: t.nn.LSTM(40, 30)),
        ("gru(30)", (2, 40), lambda t: t.nn.GRU(40, 30)),
    ],
)
def test_initial_values_are_spread_as_torchs(layer: str, shape: tuple[int, ...], make: Any) -> None:
    torch = pytest.importorskip("torch")
    kind = ", dtype: int64" if not shape else ""
    model = gr.loads(
        f"graphrun: 1\ninputs: {{x: {{shape: [batch, {', '.join(map(str, shape or (2,)))}]{kind}}}}}\nnodes:\n  h: x -> {layer}\n"
    )
    torch.manual_seed(0)
    theirs = {name.replace("_l0", ""): p.detach().numpy() for name, p in make(torch).named_parameters()}
    assert {n.removeprefix("h.") for n in model.params} == set(theirs)
    for name, value in theirs.items():
        ours = model.params[f"h.{name}"]
        assert ours.size == value.size
        if layer.startswith("embedding"):
            assert ours.std() == pytest.approx(1, abs=0.08)
        else:
            assert np.abs(ours).max() == pytest.approx(np.abs(value).max(), rel=0.15)
            assert ours.std() == pytest.approx(np.abs(ours).max() / np.sqrt(3), rel=0.25)


def test_heads_begin_as_torchs() -> None:
    torch = pytest.importorskip("torch")
    model = gr.loads("graphrun: 1\ninputs: {x: {shape: [batch, 3, 32]}}\nnodes:\n  h: x -> multi_head_attention(4)\n")
    theirs = torch.nn.MultiheadAttention(32, 4)
    for name in "qkv":
        assert np.abs(model.params[f"h.{name}.weight"]).max() == pytest.approx(theirs.in_proj_weight.abs().max().item(), rel=0.02)
    assert np.abs(model.params["h.out.weight"]).max() == pytest.approx(theirs.out_proj.weight.abs().max().item(), rel=0.02)
    assert not any(value.any() for name, value in model.params.items() if name.endswith("bias"))
