"""Numbers on the page in a real browser: how they are written, successive updates, checks and timings."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from page_browser import Browser

import graphrun as gr
from graphrun.ir.formula import number
from graphrun.ledger.facts import Check, Kink, Timing
from graphrun.ledger.html.page import ledger_html


def test_successive_updates_share_a_page(browser: Browser, tmp_path: Path) -> None:
    model = gr.load(Path(__file__).parents[3] / "specs" / "neuron.yaml")
    page = tmp_path / "page.html"
    page.write_text(ledger_html(model.ledgers(3)), encoding="utf-8")
    browser.look()
    browser.open(page)
    assert browser.all("#updates button") == ["update 1", "update 2", "update 3"]
    browser.click("#updates button:nth-child(2)")
    assert browser.text("#facts").startswith("valueJ = 0.5")
    assert browser.complaints == []


def test_numbers_are_written_as_graphrun_writes_them(browser: Browser, opened: Any) -> None:
    opened("neuron")
    draw = np.random.default_rng(1)
    values = [*(draw.normal(size=40) * 10.0 ** draw.integers(-12, 12, 40)).tolist(), 0.0, 1e15, 123456.5, 123457.5, 999999.5]
    values += [0.0001, 0.00001234, -2.5, 1e22, -1e-300]
    assert browser.js(f"{json.dumps(values)}.map((x) => number(x))") == [number(x).replace("-", "−") for x in values]


def test_checks_and_timings_stand_beside_the_steps(browser: Browser, tmp_path: Path) -> None:
    ledger = gr.load(Path(__file__).parents[3] / "specs" / "neuron.yaml").ledger()
    checks = (Check("w", "w", -4.0, -3.99999999999, 2.5e-12), Check("b", "b", 2.0, 1.5, 0.25), Check("d", "d", 2.0, 1.0, 0.5, kink=True))
    kinks = (Kink(0, "r", "relu(z)", "z = 0", "0"),)
    facts = replace(ledger.facts, checks=checks, kinks=kinks, timing=Timing(2.1e-7, 0.0022, 2, 1))
    page = tmp_path / "page.html"
    page.write_text(replace(ledger, facts=facts).to_html(), encoding="utf-8")
    browser.look()
    browser.open(page)
    assert browser.all("td.checked").count("") == 14
    assert [text for text in browser.all("td.checked") if text] == ["1", "kink", "1.5", "✗ 2.5e−1", "−3.99999999999", "✓ 2.5e−12"]
    assert browser.text("#check-note").startswith("r = relu(z) stands on a kink, z = 0: the derivative taken there is 0.")
    assert "measured here: 0.21 µs against 2.2 ms (from 1 of 2)" in browser.text("#cost-body")
    assert browser.complaints == []


def test_a_name_stays_as_it_is_at_both_ends_of_a_sentence(browser: Browser, opened: Any) -> None:
    opened("functions")
    assert browser.text("#sentence").endswith("for each unit of w₀.")
    assert browser.text("#reading").startswith("y rises 120 times as fast as w₀ rises. Raise w₀ by 0.001")
    assert browser.js("pretty('h1.weight and x2.')") == "h1.weight and x₂."
