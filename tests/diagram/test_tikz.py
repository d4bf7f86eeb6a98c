"""TikZ: golden, and safe whatever names hold; compiled where there is a TeX."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from diagram_cases import GOLDEN, HOSTILE, golden, neurons_of, shipped, view_of
from test_mermaid import everything

from graphrun.diagram.tikz import to_tikz


def test_golden():
    golden(GOLDEN / "ann_forward_w5.tex", to_tikz(neurons_of(shipped("ann"), to="hat_y", highlight="forward:w5")))


COMMANDS = {
    "documentclass", "usepackage", "usetikzlibrary", "definecolor", "begin", "end", "node", "draw", "filldraw", "fontsize", "selectfont",
    "color", "bfseries", "itshape", "sffamily", "textbackslash", "textasciicircum", "textasciitilde", "char", "dots", "quad", "hat",
    "partial", "cdot", "odot", "otimes", "times", "to", "frac", "le", "ge", "neq", "surd", "mathsf", "nabla", "Sigma", "triangleright",
}  # fmt: skip


def test_no_text_is_a_command():
    text = to_tikz(everything())
    assert set(re.findall(r"\\([A-Za-z]+)", text)) <= COMMANDS
    assert text.count("\\begin{") == text.count("\\end{") == 2
    assert text.isascii() or re.sub(r"[À-ž]", "", text).isascii()
    bare = re.sub(r"\\[{}$&#%_]", "", text)
    depth = 0
    for c in bare:
        depth += (c == "{") - (c == "}")
        assert depth >= 0
    assert depth == 0
    assert "%" not in bare
    assert "&" not in bare


def test_formulas_are_set_as_mathematics():
    text = to_tikz(neurons_of(shipped("ann")))
    for piece in ("$u_{1}$", r"$\hat{y}$", r"$\partial$ $-$6", r"$\frac12$ $\cdot$ ($\hat{y}$ $-$ $y$)$^2$"):
        assert piece in text, piece


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex, with TikZ and the class standalone")
@pytest.mark.parametrize("name", ["net", "steps", "hostile"])
def test_tex_compiles_it(name, tmp_path):
    views = {"net": lambda: neurons_of(shipped("ann")), "steps": lambda: view_of(shipped("ann")), "hostile": lambda: everything(HOSTILE)}
    view = views[name]()
    (tmp_path / "x.tex").write_text(to_tikz(view), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "x.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "x.pdf").read_bytes().startswith(b"%PDF-")
