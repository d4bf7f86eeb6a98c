"""The pages of the views beside the ledger."""

from __future__ import annotations

from pathlib import Path

import pytest
from page_browser import Browser

import graphrun as gr

SPECS = Path(__file__).parents[3] / "specs"
TEXT = 'graphrun: 1\nabout: "<script>alert(1)</script>"\nparams: {w: 2}\nnodes: {J: w^2}\nloss: J\n'


def _views(model: gr.Model) -> dict[str, str]:
    return {"paths": model.paths("w1").to_html(), "forward": model.forward_mode().to_html(), "entry": model.entry("u1").to_html()}


def test_a_view_as_a_page_says_what_its_text_says() -> None:
    model = gr.load(SPECS / "ann.yaml")
    pages = _views(model)
    assert "∂L/∂hat_y · ∂hat_y/∂u3 · ∂u3/∂u1 · ∂u1/∂w1" in pages["paths"]
    assert "= 2 · 1 · 2 · 1" in pages["paths"]
    assert pages["forward"].count('<td class="before">again</td>') == 12
    assert pages["forward"].count('<td class="before">idle</td>') == 8
    assert "in words" not in pages["entry"]


def test_nothing_in_it_runs() -> None:
    page = gr.loads(TEXT).paths("w").to_html()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "script-src ;" in page


@pytest.mark.parametrize("width", [1280, 360])
def test_it_fits_the_window(browser: Browser, tmp_path: Path, width: int) -> None:
    for name, text in _views(gr.load(SPECS / "ann.yaml")).items():
        page = tmp_path / f"{name}.html"
        page.write_text(text, encoding="utf-8")
        browser.look(width)
        browser.open(page)
        assert browser.js("document.documentElement.scrollWidth") <= width
        assert browser.complaints == []
        assert browser.requests[1:] == []
    browser.look()
