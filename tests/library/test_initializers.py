"""Initializers: their statistics are those of torch.nn.init, what is orthogonal is, and a seed gives one set of values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphrun as gr
from graphrun.model.validation import validate

SHAPE = [300, 200]  # [in, out]


def values(init: str, shape: list[int], seed: int = 0) -> Any:
    return gr.loads(
        f'graphrun: 1\nparams: {{w: {{shape: {shape}, init: "{init}"}}}}\nnodes: {{J: sum(w)}}\nloss: J\n'
        f"train: {{steps: 1, seed: {seed}}}\n"
    ).params["w"]


FILLS: dict[str, tuple[list[int], Callable[[Any, Any], None]]] = {  # a torch weight has the shape [out, in]
    "normal(0.5, 2)": (SHAPE, lambda i, w: i.normal_(w, 0.5, 2)),
    "uniform(-1, 3)": (SHAPE, lambda i, w: i.uniform_(w, -1, 3)),
    "truncated_normal(0.5, 2, -1, 1.5)": (SHAPE, lambda i, w: i.trunc_normal_(w, 0.5, 2, -1, 1.5)),
    "glorot_uniform()": (SHAPE, lambda i, w: i.xavier_uniform_(w)),
    "glorot_uniform(2)": (SHAPE, lambda i, w: i.xavier_uniform_(w, 2)),
    "glorot_normal(gain=0.5)": (SHAPE, lambda i, w: i.xavier_normal_(w, 0.5)),
    "he_uniform()": (SHAPE, lambda i, w: i.kaiming_uniform_(w)),
    "he_uniform(a=1, mode='fan_out')": (SHAPE, lambda i, w: i.kaiming_uniform_(w, 1, "fan_out")),
    "he_normal()": (SHAPE, lambda i, w: i.kaiming_normal_(w)),
    "he_normal(mode='fan_out')": (SHAPE, lambda i, w: i.kaiming_normal_(w, mode="fan_out")),
}
KERNEL = [60, 40, 5, 5]


def same_spread(ours: Any, theirs: Any) -> None:
    """Equal mean, standard deviation and quantiles, as far as so many values tell."""
    scale = theirs.std()
    assert ours.mean() == pytest.approx(theirs.mean(), abs=0.03 * scale)
    assert ours.std() == pytest.approx(scale, rel=0.02)
    at = [0.001, 0.05, 0.25, 0.5, 0.75, 0.95, 0.999]
    np.testing.assert_allclose(np.quantile(ours, at), np.quantile(theirs, at), atol=0.15 * scale)
    np.testing.assert_allclose(np.quantile(ours, at[1:-1]), np.quantile(theirs, at[1:-1]), atol=0.03 * scale)


@pytest.mark.parametrize("init", FILLS)
def test_values_are_spread_as_torchs(init: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    shape, fill = FILLS[init]
    w = torch.empty(shape[::-1], dtype=torch.float64)
    fill(torch.nn.init, w)
    same_spread(values(init, shape), w.numpy())


@pytest.mark.parametrize("init", ["he_normal()", "he_normal(mode='fan_out')", "glorot_uniform()"])
def test_the_fans_of_a_kernel_are_torchs(init: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    w = torch.empty(KERNEL, dtype=torch.float64)
    FILLS[init][1](torch.nn.init, w)
    same_spread(values(init, KERNEL), w.numpy())


def test_zeros_ones_and_constants() -> None:
    assert not values("zeros()", [2, 3]).any()
    assert (values("ones()", [2, 3]) == 1).all()
    assert (values("constant(0.25)", [2, 3]) == 0.25).all()


@pytest.mark.parametrize(
    ("init", "expected"),
    [
        ("eye()", np.eye(3, 4)),
        ("full(0.5)", np.full((3, 4), 0.5)),
        ("linspace(0, 1)", np.linspace(0, 1, 5)),
        ("linspace(start=1, end=0)", np.linspace(1, 0, 5)),
        ("arange()", np.arange(5.0)),
        ("arange(5)", np.arange(5.0)),
    ],
)
def test_values_with_a_length_take_it_from_the_shape(init: str, expected: Any) -> None:
    np.testing.assert_allclose(values(init, list(expected.shape)), expected, rtol=1e-15)


def test_lecun_normal_has_the_variance_of_one_over_fan_in() -> None:
    found = values("lecun_normal()", SHAPE)
    assert found.std() == pytest.approx(SHAPE[0] ** -0.5, rel=0.02)
    assert np.abs(found).max() > 3.5 * SHAPE[0] ** -0.5  # not cut off


@pytest.mark.parametrize("shape", [[6, 4], [4, 6], [5, 5], [4, 2, 3]])
def test_orthogonal_is_orthogonal(shape: list[int]) -> None:
    found = values("orthogonal(2)", shape).reshape(shape[0], -1) / 2
    small = found @ found.T if found.shape[0] <= found.shape[1] else found.T @ found
    np.testing.assert_allclose(small, np.eye(min(found.shape)), atol=1e-12)


@pytest.mark.parametrize("init", ["orthogonal()", "truncated_normal()", "he_normal()"])
def test_the_seed_decides(init: str) -> None:
    np.testing.assert_array_equal(values(init, [4, 3]), values(init, [4, 3]))
    assert np.abs(values(init, [4, 3]) - values(init, [4, 3], seed=1)).max() > 1e-3


WRONG = {  # what is underlined, the message
    "normal(0, 'a')": ("'a'", "`std` of `normal` must be a number known when the graph is built; here it is the text 'a'"),
    "orthogonal(gain='b')": ("'b'", "`gain` of `orthogonal` must be a number known when the graph is built; here it is the text 'b'"),
    "normal(0, -1)": ("normal(0, -1)", "`std` of `normal` is not below 0; here it is -1"),
    "normal(0, 0.02, 5)": ("5", "`normal` takes 2 arguments besides the shape, and 3 are given"),
    "he_normal(gain=2)": ("he_normal(gain=2)", "`he_normal` has no argument `gain`"),
    "constant()": ("constant()", "`constant` lacks `value`"),
    "eye(3)": ("eye(3)", "the initializer `eye` does not give values of shape [4, 3]"),
    "he_normal(a='s')": ("he_normal(a='s')", "in `he_normal`: `a` is the text 's'; a value of the graph is wanted here"),
    "twice(2)": ("'z'", "`std` of `normal` must be a number known when the graph is built; here it is the text 'z'"),
}


@pytest.mark.parametrize("entry", ["params", "state", "layer"])
@pytest.mark.parametrize("init", WRONG)
def test_a_wrong_initializer_is_told_when_the_spec_is_read(tmp_path: Path, init: str, entry: str) -> None:
    """With the offending part underlined, by `validate` too."""
    w = f'{{shape: [4, 3], init: "{init}"}}'
    head = "graphrun: 1\ninputs: {x: {shape: [4]}}\nfunctions:\n  twice(shape, b): normal(shape, b, 'z')\n"
    text = head + {
        "params": f"params:\n  w: {w}\nnodes:\n  h: x @ w\n",
        "state": f"state:\n  w: {w[:-1]}, update: w}}\nnodes:\n  h: x @ w\n",
        "layer": f"  f(x):\n    params:\n      w: {w}\n    returns: x @ w\nnodes:\n  h: f(x)\n  g: f(x)\n",
    }[entry]
    (tmp_path / "s.yaml").write_text(text)
    found = validate(tmp_path / "s.yaml")
    (told,) = [d for d in found if d.severity == "error"]
    line = text.splitlines()[told.place.line - 1]
    assert (line[told.place.column - 1 : told.place.end_column - 1], told.message) == WRONG[init]
    with pytest.raises(gr.SpecError, match="error"):
        gr.load(tmp_path / "s.yaml")
