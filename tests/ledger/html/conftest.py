"""One browser for all tests of the page; without chromium they are skipped by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from page_browser import CHROMIUM, Browser

import graphrun as gr

SPECS = Path(__file__).parents[3] / "specs"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("needs chromium")
    found = Browser()
    yield found
    found.close()


Opener = Callable[..., gr.Model]


@pytest.fixture
def opened(browser: Browser, tmp_path: Path) -> Opener:
    """Opens the page of a shipped spec, or of a text, and gives the model."""

    def opens(spec: str, *, width: int = 1400, fragment: str = "", **ledger: Any) -> gr.Model:
        model = gr.load(SPECS / f"{spec}.yaml") if "\n" not in spec else gr.loads(spec, base=SPECS)
        page = tmp_path / "report.html"
        page.write_text(model.ledger(**ledger).to_html(), encoding="utf-8")
        browser.look(width)
        browser.open(page, fragment)
        assert browser.js("document.documentElement.dataset.ready") == "true"
        browser.settle()
        return model

    return opens
