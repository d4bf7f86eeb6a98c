"""Every operation of the registry and every definition of the library in a small spec: its ledger in all forms."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.build.shipped import definitions
from graphrun.ir.opdef import Case, OpDef
from graphrun.ledger.json import json_text
from graphrun.ledger.latex import joined
from graphrun.ledger.ledger import Ledger
from graphrun.ops.registry import OPS

VECTOR, MATRIX, IMAGES = [3], [4, 6], [2, 4, 6, 6]
# Operations without rows in the gradient table → a call over x, which has numbers between -2 and 2.
WITHOUT_GRADIENT = {
    **{name: f"{name}(x, 0.5)" for name in ("less", "less_equal", "greater", "greater_equal", "equal", "not_equal")},
    **{name: f"{name}(x, 0.5)" for name in ("logical_and", "logical_or")},
    **{name: f"{name}(x)" for name in ("logical_not", "isnan", "isfinite", "sign", "floor", "ceil", "round", "stop_gradient")},
    **{name: f"{name}(x)" for name in ("argmax", "argmin", "any", "all")},
    "one_hot": "one_hot(argmax(x), 3)", "zeros": "zeros([3])", "ones": "ones([3])", "full": "full([3], 2)", "eye": "eye(3)",
    "arange": "arange(3)", "linspace": "linspace(0, 1, 3)", "normal": "normal([3], 0, 1)", "uniform": "uniform([3], 0, 1)",
    "bernoulli": "bernoulli(0.5, [3])",
}  # fmt: skip
# Operations that are made of others, and those that only initial values are made by.
COMPOSED = {"einsum": "einsum('i,i->', x, x)", "qr": "qr(outer(x, x) + eye(3))[1]", "sort": "sort(x)[0]", "topk": "topk(x, 2)[0]"}
COMPOSED |= {"split": "split(x, [1, 2])[1]", "slice": "slice(x, 0, 1, 3)", "index": "x[-1]", "choose": "x[argmax(x)]"}
INITIAL = {"truncated_normal": "truncated_normal()", "orthogonal": "orthogonal()"}
# Definitions of the library → (shape of x, a call of x).
LIBRARY = {
    "dense": (MATRIX, "dense(x, 3, tanh)"), "affine": (MATRIX, "affine(x, 3)"), "linear": (MATRIX, "linear(x, 3)"),
    "conv": (IMAGES, "conv(x, 2, 3)"), "convolved": (IMAGES, "convolved(x, 2, [3, 3], 1, 0, 1, 1, true)"),
    "embedding": (VECTOR, "embedding(argmax(x, keepdims=true), 5, 2)"), "layer_norm": (MATRIX, "layer_norm(x)"),
    "rms_norm": (MATRIX, "rms_norm(x)"), "batch_norm": (IMAGES, "batch_norm(x)"), "group_norm": (IMAGES, "group_norm(x, 2)"),
    "attention": (MATRIX, "attention(x, x, x, causal=true)"), "multi_head_attention": (MATRIX, "multi_head_attention(x, 2)"),
    "projection": (MATRIX, "projection(x, 3, 1, true)"), "transformer_block": (MATRIX, "transformer_block(x, 2, 8)"),
    "norm_last_block": (MATRIX, "norm_last_block(x, 2, 8, 0, relu, 1e-5, true, none, false)"),
    "norm_first_block": (MATRIX, "norm_first_block(x, 2, 8, 0, relu, 1e-5, true, none, true)"),
    "rnn": (MATRIX, "rnn(x, 2)"), "lstm": (MATRIX, "lstm(x, 2)[0]"), "gru": (MATRIX, "gru(x, 2)"),
    "rnn_cell": (VECTOR, "rnn_cell(x, x, eye(3), none, tanh)"), "gru_cell": (VECTOR, "gru_cell(x, concat([x, x, x]), ones([3, 9]), none)"),
    "lstm_cell": (VECTOR, "lstm_cell([x, x], concat([x, x, x, x]), ones([3, 12]), none)[0]"),
    "residual": (MATRIX, "residual(x, dense(6))"),
    **{name: (VECTOR, f"{name}(x, 0 * x + 0.5)") for name in ("squared_error", "absolute_error", "huber", "hinge")},
    "cross_entropy": (VECTOR, "cross_entropy(x, argmax(x))"), "nll": (VECTOR, "nll(log_softmax(x), argmax(x))"),
    "binary_cross_entropy": (VECTOR, "binary_cross_entropy(sigmoid(x), 0 * x)"),
    "binary_cross_entropy_with_logits": (VECTOR, "binary_cross_entropy_with_logits(x, 0 * x)"),
    "kl_divergence": (VECTOR, "kl_divergence(softmax(x), softmax(2 * x))"),
}  # fmt: skip
CASES = [op.name for op in OPS.values() if op.public and op.cases]
CALLS = [*CASES, *WITHOUT_GRADIENT, *COMPOSED, *INITIAL, *LIBRARY]
OURS = {op.name for op in OPS.values() if not op.public} - {op.name for op in OPS.values() if op.public}


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return "none" if value is None else json.dumps(value).replace('"', "'").replace("Infinity", "inf")


def _spec(inputs: dict[str, Any], params: dict[str, Any], formula: str) -> str:
    nodes = {"y": formula, "J": "sum(y ^ 2)"}
    return json.dumps({"graphrun": 1, "name": "one", "inputs": inputs, "params": params, "nodes": nodes, "loss": "J"})


def _of_case(op: OpDef, case: Case) -> str:
    draw = np.random.default_rng(7)
    inputs, params, names = {}, {}, "abcdef"[: len(case.shapes)]
    for k, (name, shape) in enumerate(zip(names, case.shapes, strict=True)):
        dtype = case.dtypes[k] if k < len(case.dtypes) else "float64"
        values = draw.uniform(*case.domain, shape)
        if dtype.startswith("float"):
            params[name] = np.round(values, 3).tolist()
        else:
            whole = values > 0 if dtype == "bool" else np.floor(np.maximum(values, 0))
            inputs[name] = {"shape": list(shape), "dtype": dtype, "default": whole.astype(dtype).tolist()}
    arrays = [f"[{', '.join(names)}]"] if op.variadic else list(names)
    given = [f"{name}={_text(value)}" for name, value in case.attrs.items() if name != "dtype" or op.name == "cast"]
    return _spec(inputs, params, f"{op.name}({', '.join([*arrays, *given])})")


def _texts(name: str) -> list[str]:
    """The specs of a name: of an operation one with single numbers, where it takes them, and one with arrays."""
    if name in CASES:
        cases = [c for c in OPS[name].cases if all(0 not in shape for shape in c.shapes)]
        single = [c for c in cases if not any(c.shapes)][:1]
        return [_of_case(OPS[name], c) for c in single + [c for c in cases if any(c.shapes)][:1]]
    if name in INITIAL:
        return [_spec({}, {"w": {"shape": [2, 3], "init": INITIAL[name]}}, "w")]
    shape, call = LIBRARY[name] if name in LIBRARY else (VECTOR, WITHOUT_GRADIENT.get(name) or COMPOSED[name])
    x = np.linspace(-1, 1.5, int(np.prod(shape))).reshape(shape)
    return [_spec({}, {"x": x.tolist()}, call if name in LIBRARY or name in COMPOSED else f"x * ({call})")]


@lru_cache
def _ledgers(name: str) -> list[tuple[gr.Model, Ledger]]:
    models = [gr.loads(text) for text in _texts(name)]
    return [(model, model.ledger()) for model in models]


def test_words_that_only_derivatives_have_are_explained() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ledger.md").read_text(encoding="utf-8")
    words = {op.word for op in OPS.values() if not op.public} - {name for name, op in OPS.items() if op.public}
    hidden = {"dropout_mask", "qr", "argsort", "pack", "unpack", "slice", "take"}  # of a forward pass, or of second derivatives
    assert [word for word in words - hidden if f"`{word}(" not in page] == []


def test_the_tables_name_every_operation_and_definition() -> None:
    assert {name for name, op in OPS.items() if op.public} <= set(CALLS)
    library = {d.name: d.about for d in definitions() if d.kind in ("layer", "loss") and not d.name.startswith("_")}
    assert set(LIBRARY) <= set(library)
    left_out = set(library) - set(LIBRARY)
    assert [name for name in left_out if not library[name].startswith("What `")] == [], "and what those call that are named"


@pytest.mark.parametrize("name", CALLS)
def test_every_form(name: str) -> None:
    for model, ledger in _ledgers(name):
        text = ledger.to_text(width=200)
        assert "BACKWARD" in text
        words = set(re.findall(r"[A-Za-z_]\w*(?=\()", text))
        assert words & OURS <= {"solve", "recur", "dropout_mask"}, "a name that no reader can know"
        markdown = ledger.to_markdown()
        assert markdown.startswith("# one")
        document = json.loads(json_text(ledger.to_json()))
        assert document["loss"]["name"] == "J"
        for node in document["nodes"]:
            assert all(part["formula"] for part in node["local"]), node
        expected = model.grad()
        for param in model.params:
            np.testing.assert_allclose(np.asarray(document["gradients"][param], dtype=float), expected[param])


@pytest.mark.parametrize("name", CALLS)
def test_the_page_tries_values_or_says_why_not(name: str) -> None:
    for _, ledger in _ledgers(name):
        page = ledger.to_html()
        program = re.search(r'"program":(\{.*?\})', page, re.S)
        assert program is not None
        single = not any(ledger.facts.both.shape(i) for i in range(len(ledger.facts.both)))
        assert ('"why"' in program[1]) is not single


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_all_of_them_as_one_document(tmp_path: Path) -> None:
    texts = [ledger.to_tex() for name in CALLS for _, ledger in _ledgers(name)]
    (tmp_path / "all.tex").write_text(joined(texts), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert not re.findall(r"Overfull \\hbox", (tmp_path / "all.log").read_text(errors="replace"))
