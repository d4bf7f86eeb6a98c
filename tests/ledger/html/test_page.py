"""The page as text: self-contained, small, escaped."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html import unescape
from pathlib import Path

import pytest

import graphrun as gr
from graphrun.ledger.html.page import framed, ledger_html, script_json

SPECS = Path(__file__).parents[3] / "specs"
SHIPPED = sorted(path.stem for path in SPECS.glob("*.yaml"))


def page(name: str) -> str:
    return gr.load(SPECS / f"{name}.yaml").ledger().to_html()


def data(text: str) -> list[dict]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    assert found is not None
    return json.loads(found[1])


@pytest.mark.parametrize("name", SHIPPED)
def test_a_page_is_one_small_file(name: str) -> None:
    text = page(name)
    assert len(text.encode()) < 1_000_000
    assert not re.search(r"""\s(?:src|srcset|href|action|poster)=["'](?!#|data:)""", text)
    assert not re.search(r"url\((?!#)", text)
    assert "@import" not in text


def test_the_policy_names_the_scripts_and_styles_of_the_page() -> None:
    text = page("neuron")
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1])
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    blocks = re.findall(r"<script>(.*?)</script>|<style>(.*?)</style>", text, re.S)
    assert len(blocks) == 2
    for script, style in blocks:
        digest = base64.b64encode(hashlib.sha256((script or style).encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_the_steps_of_the_neuron_are_those_of_the_text() -> None:
    (found,) = data(page("neuron"))
    names = [box["name"] for box in found["boxes"]]
    steps = [(step["pass"], names[step["box"]]) for step in found["steps"]]
    assert steps == [("forward", n) for n in "cadJ"] + [("backward", n) for n in "Jdacbw"]
    last = found["steps"][-1]
    assert last["parts"] == ["∂J/∂c · ∂c/∂w", "2 · x", "2 · (-2)"]
    assert [(names[t["of"]], t["formula"], t["value"], t["direct"]) for t in last["terms"]] == [("c", "x", -2.0, False)]
    assert found["boxes"][names.index("w")] == {
        "name": "w", "kind": "parameter", "formula": "", "type": "float64 []", "value": 2.0, "line": 8, "uses": [], "gradient": -4.0,
    }  # fmt: skip


def test_json_in_a_script_tag_ends_nothing() -> None:
    hostile = "</script><!--\u2028\u2029<script>&\ud800"
    text = script_json([hostile, float("nan"), float("-inf"), {"a": (1.5, True)}])
    assert not re.search(r"[<>&\u2028\u2029]", text)
    assert json.loads(text) == [hostile, "nan", "-inf", {"a": [1.5, True]}]


def test_what_stands_in_the_markup_is_escaped() -> None:
    spec = 'graphrun: 1\nname: neuron\nabout: "<b onclick=x>&amp;</b>"\n# </li><script>\nparams: {w: 2}\nnodes: {J: w * w}\nloss: J\n'
    text = gr.loads(spec).ledger().to_html()
    body = text[text.index("<body>") : text.index('<script type="application/json"')]
    assert "<b onclick" not in body
    assert "&lt;b onclick=x&gt;&amp;amp;" in body
    assert "# &lt;/li&gt;&lt;script&gt;" in body


def test_without_scripts_the_ledger_is_there_as_text() -> None:
    text = page("neuron")
    noscript = unescape(text[text.index("<noscript>") : text.index("</noscript>")])
    assert re.search(r"∂J/∂w = ∂J/∂c · ∂c/∂w +(= 2 · x )?= 2 · \(-2\) += -4", noscript)


def test_a_picture_is_put_in_without_its_own_styles() -> None:
    model = gr.load(SPECS / "neuron.yaml")
    text = ledger_html(model.ledger(), diagram_svg=model.draw("svg"))
    assert text.count("<style") == 1
    assert "<?xml" not in text
    assert '<details class="card" id="picture">' in text


def test_arrays_are_described_and_make_no_program() -> None:
    (found,) = data(page("xor"))
    boxes = {box["name"]: box for box in found["boxes"]}
    assert boxes["b"]["value"] == ["[0, 0]", "[2]  |·| = 0"]
    assert found["program"] == {"why": "Values can be tried on a graph of single numbers; this one holds arrays."}


def test_a_ledger_and_a_picture_show_themselves_in_a_notebook() -> None:
    model = gr.load(SPECS / "neuron.yaml")
    ledger = model.ledger()
    frame = ledger._repr_html_()
    assert frame.startswith('<iframe srcdoc="&lt;!doctype html&gt;')
    assert 'sandbox="allow-scripts"' in frame
    assert unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == ledger.to_html()
    assert frame == framed(ledger.to_html())
    assert repr(ledger) == "<graphrun ledger of neuron: 4 steps forward, 6 back>"
    picture = model.render()
    assert picture._repr_svg_() == picture.svg == model.draw("svg").decode()
    assert repr(picture).startswith("<graphrun picture, SVG of ")


def test_every_run_folder_has_a_page(tmp_path: Path) -> None:
    gr.load(SPECS / "neuron.yaml").train(steps=2, out=tmp_path / "run")
    text = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    (found,) = data(text)
    assert found["boxes"][found["end"]]["name"] == "J"
