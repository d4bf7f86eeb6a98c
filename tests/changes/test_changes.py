"""What is found: renames, what changed itself and what only follows, settings, parameters; and how it is told."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from changes_cases import HERE, changed, entry, golden, spec

import graphrun
from graphrun.model.difference import diff

SPECS = Path(__file__).parents[2] / "specs"
GOLDEN = HERE / "golden"
TWO_LAYERS = {"inputs": "{x: {shape: [batch, 4]}, t: {shape: [batch, 2]}}", "loss": "J"}


@pytest.fixture(scope="module")
def digits():
    return diff(HERE / "digits.yaml", HERE / "digits_wide.yaml")


# -- the whole, as it is told ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["txt", "md", "json", "mmd"])
def test_golden(digits, form):
    golden(GOLDEN / f"digits.{form}", digits.as_bytes(form).decode())


def test_lines_fit_a_terminal(digits):
    assert all(len(line) <= 80 for line in digits.to_text().splitlines())


def test_the_same_spec_has_no_changes():
    for path in sorted(SPECS.glob("*.yaml")):
        found = diff(path, path)
        assert not found, path.name
        assert "the same nodes, shapes, parameters and settings" in found.to_text()
        assert "the same nodes" in found.to_markdown()
        assert found.to_json()["entries"] == []


def test_comments_and_layout_are_no_changes(tmp_path):
    text = (SPECS / "ann.yaml").read_text(encoding="utf-8")
    bare = re.sub(r" +#.*| *#.*\n(?=#| *\n)", "", text).replace("w1 * x1 + w2 * x2", "(w1*x1)+(w2*x2)")
    assert bare != text
    assert not changed(tmp_path, text, bare)


# -- renames -----------------------------------------------------------------------------------------------------------


def renamed(text: str, names: dict[str, str]) -> str:
    return re.sub(r"\b(" + "|".join(names) + r")\b", lambda m: names[m[0]], text)


@pytest.mark.parametrize("name", ["u1", "u3", "hat_y", "w5", "x1", "L"])
def test_one_new_name_is_only_a_rename(tmp_path, name):
    text = (SPECS / "ann.yaml").read_text(encoding="utf-8")
    text = re.sub(r"#.*", "", text).replace("columns: [x1, x2, y]\n", "columns: {x1: x1, x2: x2, y: y}\n")
    found = changed(tmp_path, text, renamed(text.replace(f"{name}: {name},", f"{name}: {name} ,"), {name: "quite_new"}))
    assert [(e.before.name, e.after.name, e.change) for e in found.facts.changed] == [(name, "quite_new", "same")]
    assert found.facts.params == () or name == "w5"
    assert [s for s in found.facts.settings if s.section != "data"] == []
    assert "is now called" in found.to_text()


def test_all_new_names_are_only_renames(tmp_path):
    names = {"x1": "a", "x2": "b", "y": "c", "u1": "d", "u2": "e", "u3": "f", "hat_y": "g", "L": "h", "w1": "p", "w2": "q", "w3": "r",
             "w4": "s", "w5": "t", "w6": "u"}  # fmt: skip
    text = re.sub(r"#.*", "", (SPECS / "ann.yaml").read_text(encoding="utf-8"))
    found = changed(tmp_path, text, renamed(text, names))
    assert {e.before.name: e.after.name for e in found.facts.changed} == names
    assert {e.change for e in found.facts.changed} == {"same"}
    assert found.facts.settings == ()


def test_a_renamed_layer_takes_its_parameters_along(tmp_path):
    before = spec("h: x -> dense(3)\nz: dense(h, 2)\nJ: mean(squared_error(z, t))", **TWO_LAYERS)
    found = changed(tmp_path, before, before.replace("z", "logits"))
    assert [(e.before.name, e.after.name) for e in found.facts.changed] == [("z", "logits")]
    assert [line for line in found.to_text().splitlines() if "weight" in line] == []


def test_a_renamed_function_is_told_once(tmp_path):
    before = spec("h: block(x)\nJ: mean(h)", functions="{'block(v)': relu(v)}", **TWO_LAYERS)
    found = changed(tmp_path, before, before.replace("block", "unit"))
    assert found.facts.changed == ()
    assert {(s.section, s.key) for s in found.facts.settings} == {("functions", "block"), ("functions", "unit")}


def test_a_long_chain_of_new_names(tmp_path):
    def chain(name, size):
        lines = [f"{name}{k}: tanh({f'{name}{k - 1}' if k else 'x'})" for k in range(size)]
        return spec("\n".join(lines), inputs="{x: 1}")

    for size in (400, 1600):
        found = changed(tmp_path, chain("a", size), chain("b", size))
        assert len(found.facts.changed) == size
        assert all(e.renamed and e.change == "same" for e in found.facts.changed)


# -- changed itself, or only following ---------------------------------------------------------------------------------


def test_what_only_follows_is_told_apart(tmp_path):
    before = spec("h: x -> dense(3)\nr: relu(h)\nz: dense(r, 2)\nJ: mean(squared_error(z, t))", **TWO_LAYERS)
    found = changed(tmp_path, before, before.replace("dense(3)", "dense(8)"))
    assert [(e.entry.name, e.change, e.follows) for e in found.facts.changed] == [
        ("h", "changed", ()),
        ("r", "follows", ("h",)),
        ("z", "follows", ("h",)),
    ]
    detail = entry(found, "h").details[0]
    assert (detail.kind, detail.label, detail.before, detail.after) == ("argument", "units", "3", "8")


def test_a_config_value_is_the_cause(tmp_path):
    before = spec("h: x -> dense(width)\nJ: mean(h)", config="{width: 3}", **TWO_LAYERS)
    found = changed(tmp_path, before, before.replace("width: 3", "width: 5"))
    assert (entry(found, "h").change, entry(found, "h").follows) == ("follows", ("width",))
    assert [(s.section, s.key, s.before, s.after) for s in found.facts.settings] == [("config", "width", "3", "5")]


def test_a_function_is_the_cause_also_through_another(tmp_path):
    functions = "{'inner(v)': relu(v), 'outer(v)': inner(v)}"
    before = spec("h: outer(x)\nJ: mean(h)", functions=functions, **TWO_LAYERS)
    found = changed(tmp_path, before, before.replace("relu", "tanh"))
    assert (entry(found, "h").change, entry(found, "h").follows) == ("follows", ("outer",))
    assert entry(found, "J").change == "same"


def test_another_writing_of_the_same_steps(tmp_path):
    before = spec("h: x -> dense(3)\nJ: mean(h)", **TWO_LAYERS)
    found = changed(tmp_path, before, before.replace("x -> dense(3)", "dense(x, 3, bias=true)"))
    assert entry(found, "h").change == "rewritten"
    assert "written differently" in found.to_text()


def test_operands_stages_and_other_parts(tmp_path):
    nodes = "a: x -> dense(3) -> relu\nb: {}\nc: {}\nJ: mean(c)"
    before = spec(nodes.format("tanh(a)", "b + a"), **TWO_LAYERS)
    found = changed(tmp_path, before, spec(nodes.format("sigmoid(a)", "a * 2").replace("-> relu", "-> dropout(0.5) -> relu"), **TWO_LAYERS))
    assert [(d.kind, d.before, d.after) for d in entry(found, "a").details] == [("stage", "", "dropout(0.5)")]
    assert [(d.kind, d.before, d.after) for d in entry(found, "b").details] == [("argument", "tanh", "sigmoid")]
    assert [(d.kind, d.before, d.after) for d in entry(found, "c").details] == [("formula", "b + a", "a * 2")]


def test_stages_behind_a_value_in_brackets(tmp_path):
    before = spec("h: (x < 1) -> where(x, 2) -> exp -> tanh\nJ: mean(h)", **TWO_LAYERS)
    found = changed(tmp_path, before, before.replace("where(x, 2) -> exp", "clip(0, 2)"))
    assert [(d.before, d.after) for d in entry(found, "h").details] == [("where(x, 2)", "clip(0, 2)"), ("exp", "")]


def test_inputs_and_parameters(tmp_path):
    before = spec("J: w * x + b", inputs="{x: 1}", params="{w: 2, b: 0}", loss="J")
    after = spec("J: w * x + b", inputs="{x: 3}", params="{w: {init: 2, trainable: false}, b: 5}", loss="J")
    found = changed(tmp_path, before, after)
    assert [(d.label, d.before, d.after) for d in entry(found, "x").details] == [("default", "1", "3")]
    assert [(d.label, d.before, d.after) for d in entry(found, "w").details] == [("trainable", "", "false")]
    assert "b: initial value 0 → 5" in found.to_text()


def test_a_node_that_becomes_a_parameter_is_another(tmp_path):
    found = changed(tmp_path, spec("k: 3 * x\nJ: k * x", inputs="{x: 1}"), spec("J: k * x", inputs="{x: 1}", params="{k: 3}"))
    assert {(e.entry.kind, e.entry.name, e.change) for e in found.facts.changed} >= {("node", "k", "removed"), ("parameter", "k", "added")}


# -- settings ----------------------------------------------------------------------------------------------------------


def settings(tmp_path, before: str, after: str) -> list[tuple[str, str, str | None, str | None]]:
    base = spec("J: w * x", inputs="{x: 1}", params="{w: 2}", loss="J")
    found = changed(tmp_path, base + before, base + after)
    assert found.facts.changed == ()
    return [(s.section, s.key, s.before, s.after) for s in found.facts.settings]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("train: {optimizer: sgd(0.1), steps: 3}\n", "train: {optimizer: sgd(lr=0.1), epochs: 3}\n",
         [("train", "steps", "3", None), ("train", "epochs", None, "3")]),
        ("train: {optimizer: adam(lr=0.1), steps: 3}\n", "train: {optimizer: adam(lr=0.2), steps: 3}\n",
         [("train", "adam lr", "0.1", "0.2")]),
        ("train: {optimizer: adam(lr=0.1), steps: 3}\n", "train: {optimizer: sgd(lr=0.1), steps: 3}\n",
         [("train", "optimizer", "adam(lr=0.1)", "sgd(lr=0.1)")]),
        ("", "train: {optimizer: sgd(lr=0.1), steps: 3, clip: 1.0}\n",
         [("train", "steps", None, "3"), ("train", "optimizer", None, "sgd(lr=0.1)"), ("train", "clip", None, "1.0")]),
        ("data: {rows: [[1], [2]], columns: [x]}\n", "data: {rows: [[1], [3], [4]], columns: [x]}\n",
         [("data", "rows", "2 rows", "3 rows (1 removed, 2 added)")]),
        ("metrics: {m: w * 1}\n", "metrics: {m: 'w*1'}\n", []),
        ("dtype: float64\n", "", []),
        ("expect: [{parameters: 1}, {values: {J: 2}}]\n", "expect: [{shapes: {J: []}}, {parameters: 1}, {values: {J: 2.5}}]\n",
         [("expect", "1", None, "{shapes: {J: []}}"), ("expect", "3.values.J", "2", "2.5")]),
    ],
)  # fmt: skip
def test_settings(tmp_path, before, after, expected):
    assert settings(tmp_path, before, after) == expected


# -- specs with faults, hostile texts, size ----------------------------------------------------------------------------


def test_a_spec_that_does_not_build_is_compared_as_far_as_it_was_read(tmp_path):
    before = spec("h: x @ W\nJ: mean(h)", inputs="{x: {shape: [2]}}", params="{W: {shape: [3, 4], init: 0}}")
    after = before.replace("[3, 4]", "[2, 4]").replace("mean", "sum")
    found = changed(tmp_path, before, after)
    assert [d.code for d in found.faults] == ["shape-mismatch"]
    assert "before.yaml cannot be built" in found.to_text()
    assert [(e.entry.name, e.change) for e in found.facts.changed] == [("W", "changed"), ("J", "changed")]
    assert found.to_json()["cost"]["before"] is None
    assert found.draw("dot")


def test_specs_that_cannot_be_read_are_told_with_all_faults(tmp_path):
    found = changed(tmp_path, "graphrun: 1\nnodes: [", "graphrun: 1\nnode: {a: 1}\n")
    assert [d.code for d in found.faults] == ["unbalanced-bracket", "unknown-key"]
    with pytest.raises(graphrun.SpecError) as caught:
        changed(tmp_path, "- 1\n", "graphrun: 2\n")
    assert [d.code for d in caught.value.diagnostics] == ["wrong-type", "wrong-version"]


def test_hostile_texts_stay_where_they_are(tmp_path):
    evil = "a | b ` c `` d <script> ]] --> \\\\N \\u2028 end"
    base = spec("J: x * 1", inputs="{x: 1}", loss="J")
    found = changed(tmp_path, base + 'about: ""\n', base + f'about: "{evil}"\n')
    rows = [line for line in found.to_markdown().splitlines() if "about" in line]
    assert len(rows) == 1
    assert re.sub(r"\\\|", "", rows[0]).count("|") == 4
    assert "<script>" not in re.sub(r"`+[^`].*?`+", "", found.to_markdown().split("```")[-1].replace(rows[0], ""))
    for form in ("dot", "svg", "mmd"):
        assert b"<script>" not in found.draw(form)


def test_a_large_difference_is_cut_and_drawn_in_part(tmp_path):
    lines = "\n".join(f"n{k}: {'x' if k % 50 == 0 else f'n{k - 1}'} + 1" for k in range(400))
    after = lines.replace("n399: n398 + 1", "n399: n398 * 3")
    found = changed(tmp_path, spec(lines, inputs="{x: 1}"), spec(after, inputs="{x: 1}"))
    dot = found.draw("dot").decode()
    assert "entries that are as they were are left out" in dot
    assert dot.count("tooltip=\"n") <= 3
    many = changed(tmp_path, spec(lines, inputs="{x: 1}"), spec(lines.replace("+ 1", "* 2"), inputs="{x: 1}"))
    assert "(--all shows them)" in many.to_text()
    assert len(many.to_text(everything=True).splitlines()) > 400


def test_the_picture_says_it_without_colour(digits):
    dot = digits.draw("dot").decode()
    assert all(word in dot for word in ("+ added", "− removed", "~ changed", "~ renamed", "follows", "style=\"filled,rounded,dashed\""))
    assert "style=\"filled,rounded,dotted\"" in dot


def test_json_is_plain(digits):
    assert json.loads(json.dumps(digits.to_json())) == digits.to_json()


def test_text_needs_neither_numpy_nor_rich():
    files = str(HERE / "digits.yaml"), str(HERE / "digits_wide.yaml")
    code = (
        f"import sys; from graphrun.model.difference import diff; diff(*{files}).to_text();"
        "print(sorted({'numpy', 'rich', 'pygraphviz', 'jinja2'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_python():
    found = graphrun.diff(SPECS / "neuron.yaml", SPECS / "larger.yaml")
    assert isinstance(found, graphrun.Changes)
    assert found
    assert repr(found).startswith("<graphrun changes neuron.yaml → larger.yaml")
