"""Formulas as LaTeX, and documents that compile."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from ledger_cases import Net, ann, classes, dense, fan_out, neuron

import graphrun as gr
from graphrun.ledger.breadth import breadth
from graphrun.ledger.latex import align, escaped, joined, math
from graphrun.ledger.ledger import make_ledger
from graphrun.ops.arithmetic import MUL

SPECS = Path(__file__).parents[2] / "specs"


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("w · x", r"w  \cdot  x"),
        ("∂J/∂d · ∂d/∂a", r"\frac{\partial J}{\partial d}  \cdot  \frac{\partial d}{\partial a}"),
        ("∂L/∂w5", r"\frac{\partial L}{\partial w_{5}}"),
        ("½ · (hat_y - y)²", r"\tfrac{1}{2}  \cdot  (\hat{y} - y)^{2}"),
        ("xᵀ · ∂J/∂z", r"x^{\top}  \cdot  \frac{\partial J}{\partial z}"),
        ("∂mean(L)/∂L ⊙ x", r"\frac{\partial \operatorname{mean}(L)}{\partial L}  \odot  x"),
        ("tanh(h.z)", r"\tanh(\mathrm{h.z})"),
        ("relu(J#1)", r"\operatorname{relu}({J}_{\#1})"),
        ("∂J/∂W[0, 1]", r"\frac{\partial J}{\partial W_{[0, 1]}}"),
        ("1e-05", r"1 \times 10^{-5}"),
        ("a^2.5", "a^{2.5}"),
        ("layer_norm", r"\mathrm{layer\_norm}"),
        ("a > 0 and not b", r"a > 0 \land  \lnot  b"),
        ("g added at [:, i]", r"g\text{ added at }[:, i]"),
        ("f(x, 'same')", r"\operatorname{f}(x, \text{'same'})"),
    ],
)
def test_math(text: str, tex: str) -> None:
    assert math(text) == tex


def test_plain_text_is_no_command() -> None:
    assert escaped(r"\input{x} 50% a_b #1 --row") == r"\textbackslash{}input\{x\} 50\% a\_b \#1 -{}-row"
    assert escaped("日") == "?"


def test_what_is_broader_than_the_page_is_broken() -> None:
    short = align([("y", ["a + b", "1 + 2"], "3")])
    assert short == [r"\begin{align*}", "  y &= a + b = 1 + 2 = 3", r"\end{align*}"]
    wide = " + ".join(f"x_{{{k}}}" for k in range(40))
    assert breadth(wide) > 460 > breadth("a + b")
    lines = align([("y", [wide, "f(1, 2)"], "3")])
    assert lines[0] == r"\settowidth{\leftside}{$\displaystyle y$}"
    assert lines[2:-1] == [rf"  y &= \broken{{{wide}}} \\", r"   &= f(1, 2) \\", "   &= 3"]
    called = align([("y", [f"f({wide}, 0)"], "")])
    assert called[2] == rf"  y &= \broken{{f({wide},\allowbreak 0)}}"


def test_both_factors_are_marked() -> None:
    text = make_ledger(ann()).to_tex()
    product = r"\bwd{\frac{\partial L}{\partial u_{3}}} \cdot \fwd{\frac{\partial u_{3}}{\partial w_{5}}}"
    assert product + r" = 2  \cdot  u_{1} = 2  \cdot  5 = 10" in text
    arrays = make_ledger(dense()).to_tex()
    assert r"x^{\top}  \cdot  \bwd{\frac{\partial J}{\partial z}}" in arrays


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex on this machine")
def test_documents_compile(tmp_path: Path) -> None:
    hostile = Net("hostile", r"\input{/etc/passwd} $%^&_{}~ <b> 日本 `x` \end{document}")
    a, b = hostile.param("a_b_c", 2), hostile.input("layer_1_in", 3)
    hostile.node("J", lambda builder: MUL(builder, a, b))
    texts = [make_ledger(make()).to_tex() for make in (neuron, ann, dense, classes, fan_out, lambda: hostile.facts("J"))]
    model = gr.load(SPECS / "ann.yaml")
    texts += [model.ledger().to_tex(), model.paths("w1").to_tex(), model.forward_mode().to_tex()]
    iris = gr.load(SPECS / "iris.yaml")
    texts += [iris.ledger(expand=True).to_tex(), iris.entry("h.weight[0, 1]", row=1).to_tex()]
    (tmp_path / "all.tex").write_text(joined(texts), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "all.pdf").stat().st_size > 20_000
    assert "Overfull" not in (tmp_path / "all.log").read_text(encoding="utf-8", errors="replace")
