"""The page in a real browser: what a person sees, points at, types and presses."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import pytest
from page_browser import Browser

import graphrun as gr
from graphrun.ledger.html.page import ledger_html

SHIPPED = ("neuron", "ann", "functions", "larger", "xor", "iris")
SCALAR = ("neuron", "ann", "functions", "larger")

HOSTILE = """
graphrun: 1
name: hostile
about: "</script><script>hacked=1</script><img src=x onerror='hacked=1'><!-- \\u2028 {{ 7*7 }}"
# </script><script>hacked=2</script> <!-- <svg onload=hacked=2>
inputs: {x: 1, y: 2}
params: {constructor: 2, __proto__: 3}
nodes:
  toString: constructor * x + __proto__
  J: 1/2 * (toString - y)^2
loss: J
train: {optimizer: sgd(lr=0.1), steps: 1}
"""

FOCUSED = "((e) => [e.id || e.className || e.tagName, getComputedStyle(e).outlineStyle])(document.activeElement)"

QUICK = """(() => {
  const slow = setInterval;
  window.seen = [];
  window.setInterval = (tick) => slow(() => { tick(); seen.push(document.querySelector('#range').value); }, 1);
})()"""

OVERLAPS = """(() => {
  const boxes = [...document.querySelectorAll('.box')].map((e) => [e.getAttribute('aria-label'), e.getBoundingClientRect()]);
  const out = [];
  boxes.forEach(([a, p], k) => boxes.slice(k + 1).forEach(([b, q]) => {
    if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 1 && q.top < p.bottom - 1) out.push([a, b]);
  }));
  return out;
})()"""

COVERED = """(() => {
  const boxes = [...document.querySelectorAll('.box')].map((e) => e.getBoundingClientRect());
  const shown = [...document.querySelectorAll('.tag:not(.current)')].filter((tag) => !tag.hidden);
  return shown.filter((tag) => {
    const p = tag.getBoundingClientRect();
    return boxes.some((q) => p.left < q.right - 2 && q.left < p.right - 2 && p.top < q.bottom - 2 && q.top < p.bottom - 2);
  }).map((tag) => tag.textContent);
})()"""

CUT = """(() => [...document.querySelectorAll('body *')].filter((e) => {
  const r = e.getBoundingClientRect();
  if (!r.width || !r.height || e.closest('.hidden, .skip, thead, [hidden], .scroll, .virtual, svg')) return false;
  return r.left < -0.5 || r.right > document.documentElement.clientWidth + 0.5;
}).map((e) => `${e.tagName}.${e.className} ${e.textContent.slice(0, 40)}`))()"""


def title(browser: Browser) -> str:
    return str(browser.all("#step-title", "e.firstChild.textContent")[0])


@pytest.mark.parametrize("spec", SHIPPED)
def test_a_page_loads_quietly_and_asks_for_nothing(browser: Browser, opened: Any, spec: str) -> None:
    opened(spec)
    assert browser.complaints == []
    assert [url for url in browser.requests if url.startswith(("http", "ws"))] == []
    assert len([url for url in browser.requests if not url.startswith("data:")]) == 1  # the page itself


def test_the_stepper_reaches_the_end_and_shows_the_gradients(browser: Browser, opened: Any) -> None:
    opened("neuron")
    browser.click("#first")
    assert title(browser) == "step 1 of 10: c"
    assert browser.js("getComputedStyle(document.querySelector('.box.loss .final')).visibility") == "hidden"
    titles = []
    for _ in range(9):
        browser.click("#next")
        titles.append(title(browser))
    assert titles == [
        "step 2 of 10: a", "step 3 of 10: d", "step 4 of 10: J", "step 5 of 10: ∂J/∂J", "step 6 of 10: ∂J/∂d", "step 7 of 10: ∂J/∂a",
        "step 8 of 10: ∂J/∂c", "step 9 of 10: ∂J/∂b", "step 10 of 10: ∂J/∂w",
    ]  # fmt: skip
    assert browser.js("document.querySelector('#next').disabled")
    gradients = browser.all(".box.parameter .g.final", "[e.textContent, getComputedStyle(e).visibility]")
    assert sorted(gradients) == [["∂ 2", "visible"], ["∂ −4", "visible"]]
    assert "−4" in browser.text("#sentence")
    assert browser.text(".box.current .name") == "w"


def test_nothing_jumps_from_step_to_step(browser: Browser, opened: Any) -> None:
    opened("ann")
    places = "JSON.stringify([...document.querySelectorAll('.box')].map((e) => [e.offsetLeft, e.offsetTop, e.offsetWidth, e.offsetHeight]))"
    found = set()
    for k in range(1, 17):
        browser.js(f"location.hash = '#step={k}'")
        browser.settle()
        found.add(browser.js(places))
    assert len(found) == 1


def test_the_keyboard_alone_suffices(browser: Browser, opened: Any) -> None:
    opened("neuron")
    browser.press("Home")
    assert title(browser) == "step 1 of 10: c"
    for _ in range(7):
        browser.press("ArrowRight")
    assert title(browser) == "step 8 of 10: ∂J/∂c"
    browser.press("ArrowLeft")
    assert title(browser) == "step 7 of 10: ∂J/∂a"
    browser.press("End")
    assert title(browser) == "step 10 of 10: ∂J/∂w"
    browser.press(" ")
    assert browser.text("#play .word") == "Pause"
    browser.press(" ")
    assert browser.text("#play .word") == "Play"
    seen = set()
    for _ in range(60):  # everything that can be done is reached by Tab, and shows that it is
        browser.press("Tab")
        where, outline = browser.js(FOCUSED)
        seen.add(where)
        assert outline != "none" or where in ("BODY", "range")
    assert {"play", "range", "search", "take-step", "rate", "reset-values", "go", "th"} <= seen
    assert any(name.startswith("box") for name in seen)


def test_a_key_that_is_held_is_no_complaint_and_the_address_follows(browser: Browser, opened: Any) -> None:
    opened("neuron", fragment="#step=1")
    browser.js("""for (let k = 0; k < 401; k++) {
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: k % 2 ? "ArrowLeft" : "ArrowRight", bubbles: true }));
    }""")
    browser.js("new Promise((done) => setTimeout(done, 400))")
    assert browser.complaints == []
    assert browser.js("location.hash") == "#step=2"


def test_playing_goes_from_the_first_step_to_the_last(browser: Browser, opened: Any) -> None:
    opened("neuron")
    browser.js(QUICK)
    browser.click("#play")
    deadline = time.monotonic() + 20
    while browser.text("#play .word") != "Play" and time.monotonic() < deadline:
        browser.settle()
    assert browser.js("seen") == [str(k) for k in range(2, 11)]
    assert title(browser) == "step 10 of 10: ∂J/∂w"


def test_a_focused_field_keeps_the_arrow_keys(browser: Browser, opened: Any) -> None:
    opened("neuron")
    browser.js("document.querySelector('[data-name=w]').focus()")
    browser.press("Home")
    browser.press("ArrowLeft")
    assert browser.js("document.querySelector('#range').value") == "10"


def test_pointing_at_a_box_shows_its_numbers(browser: Browser, opened: Any) -> None:
    opened("neuron")
    browser.hover(".box[aria-label^='c,']")
    text = browser.js("document.querySelector('#detail').innerText")
    for part in ("c = w · x", "−4", "∂c/∂w", "x = −2", "∂J/∂c", "neuron.yaml, line"):
        assert part in text
    line = browser.js("document.querySelector('#spec-lines .at').textContent")
    assert line.strip() == "c: w * x"
    browser.press("Escape")
    assert browser.js("document.querySelector('#detail').hidden")


def test_the_table_is_sorted_and_searched(browser: Browser, opened: Any) -> None:
    opened("ann")
    assert len(browser.all("td.of")) == 16
    browser.fill("#search", "w5")
    assert browser.all("td.of") == ["u₃", "∂L/∂w₅", "∂L/∂u₁"]
    assert browser.text("#found") == "3 of 16 steps"
    browser.fill("#search", "−12")
    assert browser.all("td.of") == ["∂L/∂w₄"]
    browser.fill("#search", " ")
    browser.click("th:nth-child(5) .th")
    results = browser.all("td.result", "Number(e.textContent.replace('−', '-'))")
    assert len(results) == 16
    assert results == sorted(results)
    assert browser.text("[aria-sort]") == "result ↑"
    browser.click("tbody tr.step:first-child .go")
    assert title(browser) == "step 14 of 16: ∂L/∂w₄"


# -- try a value -------------------------------------------------------------------------------------------------------


TRIED = """(() => {
  const { program, data, rate } = panel;
  const { now, next } = panel.now;
  return {
    values: program.values.map(([box, node]) => [data.boxes[box].name, now.values[node]]),
    gradients: program.params.map(([name, node]) => [name, now.slope(node)]),
    next: program.params.map(([name, node]) => [name, next.get(node)]),
    rate,
  };
})()"""


def close(found: float, expected: float) -> bool:
    return abs(found - expected) <= 1e-12 * max(1.0, abs(expected))


@pytest.mark.parametrize("spec", SCALAR)
def test_values_that_are_tried_are_those_of_graphrun(browser: Browser, opened: Any, spec: str) -> None:
    model = opened(spec)
    draw = random.Random(7)
    names = [*model.built.inputs, *model.params]
    for _ in range(4):
        tried = {name: round(draw.uniform(-3, 3), 4) for name in names}
        for name, value in tried.items():
            browser.fill(f"[data-name={name}]", str(value))
        found = browser.js(TRIED)
        inputs = {n: v for n, v in tried.items() if n in model.built.inputs}
        expected = model.grad(params={n: v for n, v in tried.items() if n in model.params}, feeds=inputs)
        for name, value in found["values"]:
            assert close(value, float(expected.values[name])), name
        for name, value in found["gradients"]:
            assert close(value, float(expected[name])), name
        for name, value in found["next"]:
            assert close(value, tried[name] - found["rate"] * float(expected[name])), name
    assert browser.complaints == []


def test_a_changed_weight_gives_the_right_gradient_on_the_page(browser: Browser, opened: Any) -> None:
    opened("neuron")
    browser.fill("[data-name=w]", "3")
    shown = dict(browser.all("[data-result]", "[e.dataset.result, e.querySelector('b').textContent]"))
    assert shown == {"value c": "−6", "value a": "2", "value d": "0", "value J": "0", "gradient w": "0", "gradient b": "0"}
    browser.fill("[data-name=w]", "2")
    assert browser.text("[data-next=w]") == "→ 2.4"
    browser.click("#take-step")
    assert browser.all(".field input", "e.value") == ["-2", "2", "2.4", "7.8"]
    browser.fill("[data-name=w]", "two")
    assert browser.all("[aria-invalid]", "e.dataset.name") == ["w"]
    browser.click("#reset-values")
    assert browser.all(".field input", "e.value") == ["-2", "2", "2", "8"]
    assert browser.all("[aria-invalid]") == []


def test_a_graph_without_parameters_is_tried_by_its_inputs(browser: Browser, opened: Any) -> None:
    opened("graphrun: 1\ninputs: {x: 3, k: 2}\nnodes: {f: k * x^2}\nloss: f\n")
    shown = dict(browser.all("[data-result]", "[e.dataset.result, e.querySelector('b').textContent]"))
    assert (shown["gradient x"], shown["gradient k"]) == ("12", "9")
    assert browser.text("[data-next=x]") == "→ 1.8"
    assert "on the inputs, as there are no parameters" in browser.text("#try-body")
    browser.click("#take-step")
    assert browser.all(".field input", "Number(e.value).toFixed(4)") == ["1.8000", "1.1000"]


def test_a_step_that_leads_to_nan_is_drawn_without_a_complaint(browser: Browser, opened: Any) -> None:
    opened("graphrun: 1\nparams: {p: 0.5}\nnodes: {J: log(p)}\nloss: J\ntrain: {optimizer: sgd(lr=0.3), steps: 1}\n")
    assert browser.text("[data-next=p]") == "→ −0.1"
    assert len(browser.all(".curves svg circle", "1")) == 1
    browser.fill("[data-name=p]", "0")
    assert "not finite here" in browser.text(".curves")
    assert browser.complaints == []


def test_where_values_cannot_be_tried_the_page_says_why(browser: Browser, opened: Any) -> None:
    opened("xor")
    assert browser.text("#try-body") == "Values can be tried on a graph of single numbers; this one holds arrays."


def test_an_operation_that_the_page_does_not_know_is_named(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    text = gr.load(Path(__file__).parents[3] / "specs" / "neuron.yaml").ledger().to_html()
    page.write_text(text.replace('["mul",', '["airy",'), encoding="utf-8")
    browser.look()
    browser.open(page)
    assert browser.text("#try-body") == "Values cannot be tried here: this page does not know the operation airy."
    assert browser.complaints == []


# -- how it stands -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [360, 1400])
@pytest.mark.parametrize("spec", SHIPPED)
def test_nothing_is_cut_off_or_overlaps(browser: Browser, opened: Any, spec: str, width: int) -> None:
    opened(spec, width=width)
    assert browser.js("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    assert browser.js(CUT) == []
    assert browser.js(OVERLAPS) == []
    assert browser.js(COVERED) == []


def test_products_that_are_shown_together_do_not_cover_each_other(browser: Browser, opened: Any) -> None:
    opened("published/mazur", width=360, fragment="#step=32")
    assert browser.text(".box.current .name") == "b₁"
    first, second = browser.all(".tag.handed.current", "(r => [r.left, r.right, r.top, r.bottom])(e.getBoundingClientRect())")
    assert first[0] < second[1]  # they stand in the same columns
    assert second[0] < first[1]
    assert first[3] <= second[2] or second[3] <= first[2]
    assert browser.js(CUT) == []


def test_text_has_its_size_on_a_phone(browser: Browser, opened: Any) -> None:
    opened("ann", width=360)
    assert min(browser.all(".box *, .tag, #sentence, td, .said", "parseFloat(getComputedStyle(e).fontSize)")) >= 12
    controls = ".buttons button, .field input, #search, #range, #take-step, #rate, .box"
    assert min(browser.all(controls, "Math.min(e.offsetHeight, e.offsetWidth)")) >= 44


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(browser: Browser, opened: Any, scheme: str) -> None:
    opened("neuron", fragment="#step=8")
    browser.look(1400, prefers_color_scheme=scheme)
    browser.settle()
    found = browser.js("""(() => {
      const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
        .reduce((sum, c, k) => sum + c * [0.2126, 0.7152, 0.0722][k], 0);
      const parse = (text) => text.match(/[\\d.]+/g).map(Number);
      const out = [];
      for (const e of document.querySelectorAll('body *')) {
        if (![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) || !e.getClientRects().length) continue;
        if (e.closest('svg, [hidden], script, [disabled]') || getComputedStyle(e).visibility === 'hidden') continue;
        let under = e;
        while (under && (parse(getComputedStyle(under).backgroundColor)[3] ?? 1) < 1) under = under.parentElement;
        if (!under) continue;
        const [a, b] = [light(parse(getComputedStyle(e).color)), light(parse(getComputedStyle(under).backgroundColor))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) out.push([e.textContent.slice(0, 30), e.className, ratio]);
      }
      return out;
    })()""")
    assert found == []


def test_a_printed_page_has_everything_filled_in(browser: Browser, opened: Any) -> None:
    opened("neuron", fragment="#step=1")
    browser.call("Emulation.setEmulatedMedia", media="print")
    hidden = "[...document.querySelectorAll('.final')].filter((e) => getComputedStyle(e).visibility === 'hidden').length"
    assert browser.js(hidden) == 0
    assert browser.js("getComputedStyle(document.querySelector('.controls')).display") == "none"
    browser.call("Emulation.setEmulatedMedia", media="")
    assert browser.js(hidden) > 0
    assert browser.printed().startswith(b"%PDF")


def test_a_long_table_is_printed_whole(browser: Browser, opened: Any) -> None:
    lines = "\n".join(f"  n{k}: n{k - 1} * w" for k in range(1, 300))
    opened(f"graphrun: 1\nparams: {{w: 1.001}}\nnodes:\n  n0: w + 1\n{lines}\nloss: n299\n")
    assert browser.js("document.querySelectorAll('tr.step').length") < 100
    browser.js("dispatchEvent(new Event('beforeprint'))")
    assert browser.js("document.querySelectorAll('tr.step').length") == 601
    browser.js("dispatchEvent(new Event('afterprint'))")
    assert browser.js("document.querySelectorAll('tr.step').length") < 100


# -- hostile and large -------------------------------------------------------------------------------------------------


def test_what_a_spec_says_is_text_and_nothing_else(browser: Browser, opened: Any) -> None:
    opened(HOSTILE)
    assert browser.js("typeof hacked") == "undefined"
    assert browser.js("document.querySelectorAll('img, svg[onload], main script').length") == 0
    assert browser.js("document.querySelector('.about').textContent").startswith("</script><script>hacked=1</script><img src=x")
    assert "{{ 7*7 }}" in browser.js("document.querySelector('.about').textContent")
    assert "</script><script>hacked=2" in browser.js("document.querySelector('#spec-lines').textContent")
    assert "toString" in browser.js("document.querySelector('#diagram').textContent")
    assert browser.complaints == []


def test_the_policy_stops_a_script_that_was_let_in(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    text = gr.load(Path(__file__).parents[3] / "specs" / "neuron.yaml").ledger().to_html()
    page.write_text(text.replace("</main>", "<script>hacked=1</script><img src='https://example.org/x.png'></main>"), encoding="utf-8")
    browser.look()
    browser.open(page)
    assert browser.js("typeof hacked") == "undefined"
    assert any("Content Security Policy" in said for said in browser.complaints)


def test_a_graph_of_ten_thousand_nodes_opens(browser: Browser, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"  n{k}: n{k - 1} * w{k % 50} + x" for k in range(1, 5001)]
    params = ", ".join(f"w{k}: {0.5 + k / 100}" for k in range(50))
    text = "\n".join(["graphrun: 1", "inputs: {x: 0.1}", f"params: {{{params}}}", "nodes:", "  n0: x + 1", *lines, "loss: n5000"])
    ledger = gr.loads(text).ledger(expand=True)
    assert len(ledger.forward) == 10_001
    began = time.perf_counter()
    page = tmp_path / "large.html"
    page.write_text(ledger_html(ledger), encoding="utf-8")
    written = time.perf_counter() - began
    browser.look(1400)
    began = time.perf_counter()
    browser.open(page)
    assert browser.js("document.documentElement.dataset.ready") == "true"
    ready = time.perf_counter() - began
    browser.press("Home")
    assert browser.js("document.querySelector('#range').value") == "1"
    began = time.perf_counter()
    browser.press("End")
    browser.settle()
    moved = time.perf_counter() - began
    assert browser.js("document.querySelectorAll('tr.step').length") < 100
    assert browser.js("document.querySelector('tr.at') !== null")
    browser.fill("#search", "n4321")
    assert "of" in browser.text("#found")
    assert browser.complaints == []
    with capsys.disabled():
        size = page.stat().st_size / 1e6
        print(f"\n10,000 nodes: {size:.1f} MB written in {written:.2f} s, ready in {ready:.2f} s, a step in {moved * 1000:.0f} ms")


def test_numbers_that_are_not_finite_are_shown(browser: Browser, opened: Any) -> None:
    opened("graphrun: 1\ninputs: {x: 0}\nparams: {w: 1}\nnodes:\n  z: log(x)\n  J: z * w\nloss: J\n")
    assert "inf" in browser.text("#facts")
    assert browser.complaints == []


@pytest.mark.parametrize("width", [360, 1400])
def test_a_long_table_scrolls_by_itself_to_the_step_shown(browser: Browser, opened: Any, width: int) -> None:
    opened("models/character_gpt", width=width)
    assert browser.js("document.documentElement.scrollWidth") <= width, browser.js(CUT)
    assert browser.js("byId('table').clientHeight <= 0.71 * innerHeight")
    seen = "((a, b) => a.top >= b.top - 1 && a.bottom <= b.bottom + 1)(e.getBoundingClientRect(), byId('table').getBoundingClientRect())"
    assert browser.all("tr.step.at", seen) == [True]
    browser.js("byId('first').click()")
    browser.settle()
    assert browser.all("tr.step.at", seen) == [True]
    assert browser.js("scrollY") == 0
    if width == 360:
        room = browser.js("document.querySelector('tr.step').clientWidth")
        assert min(browser.all("tr.step td.equal:not(:empty)", "e.clientWidth")) > 0.75 * room


def test_long_names_and_paths_fit_a_small_screen_at_every_step(browser: Browser, tmp_path: Path) -> None:
    spec = tmp_path / ("a_folder_of_a_long_name_" * 3) / "spec.yaml"
    spec.parent.mkdir()
    long = "gradient_of_a_name_that_does_not_fit_a_small_screen"
    nodes = f"{long}_squared: {long}^2\n  J: sin({long}_squared)"
    spec.write_text(f"graphrun: 1\nparams: {{{long}: 1}}\nnodes:\n  {nodes}\nloss: J\n", encoding="utf-8")
    page = tmp_path / "report.html"
    page.write_text(gr.load(spec).ledger().to_html(), encoding="utf-8")
    browser.look(360)
    browser.open(page)
    last = int(browser.js("byId('range').max"))
    assert last > 4
    for step in range(1, last + 1):
        browser.js(f"(byId('range').value = {step}, byId('range').dispatchEvent(new Event('input')))")
        assert browser.js("document.documentElement.scrollWidth") <= 360, (step, browser.js(CUT))
