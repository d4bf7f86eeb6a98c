"""The section of a training run on the report page: in a real browser, and as text where there is none."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from page_browser import Browser

import graphrun as gr
from graphrun.errors import RunError
from graphrun.ledger.html.run.page import run_html

SPECS = Path(__file__).parents[3] / "specs"
MIX = """\
graphrun: 1
name: mix
inputs: {x: {}}
params: {w: 1}
nodes: {p: w * x, z: log(p), J: z^2}
loss: J
data: {columns: [x], rows: [[1], [0.5], [0], [2]]}
train: {optimizer: sgd(lr=0.1), steps: 50}
"""


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The report of ann, xor and iris, and of a run that goes wrong."""
    folder = tmp_path_factory.mktemp("runs")
    for name in ("ann", "xor", "iris"):
        gr.load(SPECS / f"{name}.yaml").train(out=folder / name)
    with pytest.raises(RunError):
        gr.loads(MIX, name="mix").train(out=folder / "mix")
    return {name: folder / name / "report.html" for name in ("ann", "xor", "iris", "mix")}


def record(page: Path) -> Any:
    found = re.search(r'<script type="application/json" id="run-data">(.*?)</script>', page.read_text(encoding="utf-8"), re.S)
    assert found is not None
    return json.loads(found[1])


Opened = Callable[..., Browser]


@pytest.fixture
def opened(browser: Browser, reports: dict[str, Path]) -> Opened:
    def opens(name: str, width: int = 1400, **features: str) -> Browser:
        browser.look(width, **features)
        browser.open(reports[name])
        browser.settle()
        assert browser.js("document.querySelector('#run').dataset.ready") == "true"
        return browser

    return opens


def test_pages_are_small_and_hold_the_numbers(reports: dict[str, Path]) -> None:
    assert max(page.stat().st_size for page in reports.values()) < 1_000_000
    found = record(reports["ann"])
    assert found["loss"][0] == 3.0625
    assert found["computes"] == "hat_y = 3.0000 x1 + 1.0000 x2"
    assert len(found["losses"][0]) == len(found["lines"]["steps"]) == 40
    assert (found["lines"]["predicted"][0], found["lines"]["actual"][0]) == (-2.85867, -2.15029)
    assert found["parameters"][2] == {**found["parameters"][2], "name": "w3"}
    assert (found["parameters"][2]["gradients"][0], found["parameters"][2]["ratios"][0]) == (9.1875, 0.18375)
    assert [m["step"] for m in found["row_gradients"]] == [0, 3]
    means = [sum(values) / 8 for values in found["row_gradients"][0]["of"].values()]
    assert means == pytest.approx([6.125, -1.125, -9.1875, 1.6875, 1.9375, -3.625])
    assert [h["name"] for h in record(reports["xor"])["histograms"]] == ["all parameters"]
    assert [h["name"] for h in record(reports["iris"])["histograms"]] == ["h.weight", "h.bias", "logits.weight"]
    assert sum(record(reports["iris"])["histograms"][0]["gradients"]["end"]) == 32


@pytest.mark.parametrize("name", ["ann", "xor", "iris", "mix"])
@pytest.mark.parametrize("width", [360, 1400])
def test_the_page_is_quiet_and_nothing_is_cut_off(opened: Opened, name: str, width: int) -> None:
    page = opened(name, width)
    assert page.complaints == []
    assert [address for address in page.requests if not address.startswith(("file:", "data:"))] == []
    assert page.js("document.documentElement.scrollWidth") <= width
    beyond = "((r) => r.left < -0.5 || r.right > innerWidth + 0.5)(e.getBoundingClientRect())"
    assert not any(page.all("#run .card, #run .chart svg, #run figure, #run li", beyond))
    right = "getBoundingClientRect().right"
    assert not any(page.all("#run .chart svg", f"[...e.querySelectorAll('text')].some((t) => t.{right} > e.{right} + 1)"))
    assert min(page.all("#run svg text", "parseFloat(getComputedStyle(e).fontSize)"), default=12) >= 12


def test_the_pointer_reads_a_curve_and_the_other_charts_follow(opened: Opened) -> None:
    page = opened("ann")
    page.hover("#chart-loss svg")
    page.settle()
    said = page.text("#chart-loss .readout")
    step = int(re.search(r"step (\d+)", said)[1])  # type: ignore[index]
    lines = record_of(page)["lines"]
    assert 15 <= step <= 25
    assert page.js(f"number({lines['norms'][step]}, 3)") in said
    move = page.js(f"number({lines['moves'][step]}, 3)")
    assert f"w₃ +{move}" in said
    assert [len(found) > 0 for found in page.all(".chart .cursor", "[...e.children]")] == [True] * 4
    assert page.all(".chart .readout", "e.hidden") == [False, True, True, True]


def record_of(page: Browser) -> Any:
    return json.loads(page.text("#run-data"))


def test_the_keyboard_reads_every_chart(opened: Opened) -> None:
    page = opened("ann")
    page.js("document.querySelector('#chart-loss svg').focus()")
    page.press("Home")
    assert page.text("#chart-loss .hidden").replace(" ", " ").startswith("step 0 loss 3.062")
    for _ in range(3):
        page.press("ArrowRight")
    assert page.text("#chart-loss .hidden").startswith("step 3")
    page.press("End")
    assert page.text("#chart-loss .hidden").startswith("step 39")
    page.press("Escape")
    assert page.all(".readout", "e.hidden") == [True] * 4
    page.js("document.querySelector('#chart-drop svg').focus()")
    page.press("Home")
    assert page.text("#chart-drop .hidden") == "step 0 predicted −2.86 actual −2.15 less than the slope says: the curve bends"
    page.js("document.querySelector('#chart-ratios svg').focus()")
    page.press("Home")
    assert page.text("#chart-ratios .hidden").startswith("step 0 w₃ 0.184 w₁ 0.122")
    assert page.js("document.querySelector('#step-title').textContent") == opened("ann").text("#step-title")  # the stepper stayed


def test_curves_are_labelled_at_their_ends_and_log_axes_have_no_bars(opened: Opened) -> None:
    page = opened("ann")
    assert sorted(page.all("#chart-gradients text.label")) == ["w₁", "w₂", "w₃", "w₄", "w₅", "w₆"]
    ends = page.all("#chart-gradients text.label", "e.getBoundingClientRect().top")
    assert min(b - a for a, b in zip(sorted(ends), sorted(ends)[1:], strict=False)) >= 14
    assert page.all(".chart .bar") == []
    assert page.text("#chart-ratios svg").count("usual") == 1
    assert page.all("#chart-loss text.label") == ["4.2e−14", "3.062"]


def test_tables_show_rows_and_weights(opened: Opened) -> None:
    page = opened("ann")
    rows = page.all("table.rows tbody tr", "[...e.children].slice(0, 6).map((c) => c.textContent)")
    assert rows[0] == ["1", "1", "2", "5", "7", "5.0000"]
    assert rows[3] == ["4", "−1", "1", "−2", "−4", "−2.0000"]
    assert len(page.all("table.rows .track")) == 8
    assert page.all(".weights .texts")[2].split() == ["−1", "→", "−0.575"]
    assert page.text(".run-head").count("ŷ = 3.0000 x₁ + 1.0000 x₂") == 1
    iris = opened("iris")
    kinds = iris.all("table.rows td.goal")
    assert {"setosa", "versicolor", "virginica"} == set(kinds)
    assert len(iris.all("canvas")) == 8
    iris.hover("canvas")
    iris.settle()
    assert re.fullmatch(r"before \[\d, \d\] −?0\.\d+", iris.text(".field-of .note"))


def test_colours_can_be_read_in_light_and_dark(opened: Opened) -> None:
    measure = """(e) => {
      const linear = (c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
      const light = (text) => {
        const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map((c) => linear(c / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const style = getComputedStyle(e);
      const a = light(e.namespaceURI.endsWith("svg") ? style.fill : style.color);
      const b = light(getComputedStyle(e.closest(".card")).backgroundColor);
      return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }"""
    for scheme in ("light", "dark"):
        page = opened("ann", prefers_color_scheme=scheme)
        assert min(page.all("#run .card text, #run .card p, #run .card td, #run .card b", f"({measure})(e)")) >= 4.5, scheme


def test_a_run_that_went_wrong_shows_where(opened: Opened, reports: dict[str, Path]) -> None:
    page = opened("mix")
    assert page.text(".trouble h2") == "step 0: the loss became inf"
    assert [" ".join(text.split()) for text in page.all(".trouble dd")] == [
        "node z = log(p) <text>:5:22",
        "p = 0 in row 3 of 4 (x = 0)",
        "log(p + 1e-9), or log_softmax of the logits; train.clip: 1.0; a smaller lr",
    ]
    assert record(reports["mix"])["outcome"] == "failed at step 0"


def test_it_prints(opened: Opened) -> None:
    assert opened("ann").printed()[:5] == b"%PDF-"


def test_what_stands_in_the_data_cannot_become_a_part_of_the_page(browser: Browser, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)></script><script>alert(2)</script>"
    (tmp_path / "rows.csv").write_text(f'"{evil}",y\n1,"{evil}"\n2,good\n3,"{evil}"\n4,good\n', encoding="utf-8")
    spec = (
        f"graphrun: 1\nname: hostile\nabout: '{evil}'\ninputs: {{x: {{shape: [batch, 1]}}, y: {{shape: [batch], dtype: int64}}}}\n"
        f"nodes:\n  z: x -> dense(2)\n  J: mean(cross_entropy(z, y))\nloss: J\n"
        f"data:\n  source: rows.csv\n  columns: {{x: ['{evil}'], y: y}}\ntrain: {{steps: 3}}\n"
    )
    gr.loads(spec, base=tmp_path, name="hostile").train(out=tmp_path / "run")
    browser.look(1400)
    browser.open(tmp_path / "run" / "report.html")
    browser.settle()
    assert browser.complaints == []
    assert browser.all("img") == []
    assert evil in browser.all("table.rows th")
    assert browser.all("table.rows tbody tr", "e.children[2].textContent")[0] == evil


def test_without_a_ledger_the_run_has_a_page_of_its_own(reports: dict[str, Path], browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "run.html"
    page.write_text(run_html(record(reports["iris"])), encoding="utf-8")
    browser.look(1400)
    browser.open(page)
    browser.settle()
    assert browser.complaints == []
    assert browser.js("document.querySelector('#run').dataset.ready") == "true"
    assert len(browser.all(".chart svg .curve")) == 9
