"""`new`, `explain` and `hash`."""

import json
from pathlib import Path

import pytest

from graphrun.cli.main import main
from graphrun.cli.new import Template, text_of
from graphrun.codes import catalogue
from graphrun.model import load, run_expectations
from graphrun.model.opening import open_text
from graphrun.spec.meaning import spec_hash

SPECS = Path(__file__).parents[2] / "specs"


@pytest.mark.parametrize("template", list(Template))
def test_a_template_is_valid_holds_and_trains(template, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "first", "--template", template.value]) == 0
    assert capsys.readouterr().out.startswith("wrote first.yaml\n")
    text = Path("first.yaml").read_text()
    assert "\nname: first\n" in text
    assert sum("#" in line for line in text.splitlines()) >= 3
    assert main(["validate", "--strict", "first.yaml"]) == 0
    model = load("first.yaml")
    results = run_expectations(model)
    assert [r for r in results if not r.ok] == []
    run = model.train()
    assert run.loss < 0.1 * run.history.losses[0]


def test_a_file_is_not_written_over(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("first.yaml").write_text("mine")
    assert main(["new", "first"]) == 2
    assert Path("first.yaml").read_text() == "mine"
    assert main(["new", "first", "--force", "--quiet"]) == 0
    assert Path("first.yaml").read_text() == text_of(Template.neuron, "first")


def test_a_name_that_is_none(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my-net"]) == 2
    assert "write `graphrun new my_net`" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_explain(capsys):
    assert main(["explain", "non-scalar-loss"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("non-scalar-loss\n\nThe loss is not one real number.\n")
    assert max(map(len, out.splitlines())) <= 80


def test_explain_lists_all_codes(capsys):
    assert main(["explain"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(catalogue())
    assert max(map(len, lines)) <= 80


def test_explain_of_a_code_that_is_none(capsys):
    assert main(["explain", "shape-mismach"]) == 2
    assert "did you mean `shape-mismatch`?" in capsys.readouterr().err


def _hash(text):
    return spec_hash(open_text(text, ".", (), "spec")[0])


BASE = """\
graphrun: 1
inputs: {x: {shape: [batch, 2]}}
functions:
  f(a, b=2): a * b
nodes:
  h: [x, dense(3), relu]
  J: mean((f(h) + 1)^2)
loss: J
train: {steps: 3}
"""
SAME = """\
# another layout
graphrun: 1
name: other
about: the same
dtype: float64
train:
  log: {every: 2}
  optimizer: sgd( lr=0.01 )
  steps: 3
loss: (J)
nodes:
  J: mean(((f(h) + 1)**2))
  h: x -> dense(3) -> relu
functions:
  f(a, b = 2): (a * b)
inputs:
  x:
    shape: [batch, 2]
expect:
  - parameters: 9
"""


def test_a_hash_is_of_what_is_meant():
    assert _hash(BASE) == _hash(SAME)


@pytest.mark.parametrize(
    ("old", "new", "alike"),
    [
        ("[batch, 2]", "[batch, 2], dtype: float64", True),
        ("[batch, 2]", "[batch, 2], dtype: int64", False),
        ("steps: 3", "steps: 3, shuffle: false", True),  # without `batch` rows stay in the file's order
        ("steps: 3", "steps: 3, shuffle: true", False),
        ("steps: 3", "steps: 3, seed: 0, drop_last: false", True),
    ],
)
def test_a_key_given_with_its_default_changes_no_hash(old, new, alike):
    assert (_hash(BASE) == _hash(BASE.replace(old, new))) is alike
    batched = BASE.replace("steps: 3", "steps: 3, batch: 2")
    assert _hash(batched) == _hash(batched.replace("batch: 2", "batch: 2, shuffle: true"))
    assert _hash(batched) != _hash(batched.replace("batch: 2", "batch: 2, shuffle: false"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("dense(3)", "dense(4)"),
        ("+ 1", "+ 2"),
        ("b=2", "b=3"),
        ("steps: 3", "steps: 4"),
        ("a * b", "b * a"),
        ("relu", "tanh"),
        ("[batch, 2]", "[batch, 3]"),
    ],
)
def test_a_hash_changes_with_what_is_meant(old, new):
    assert _hash(BASE) != _hash(BASE.replace(old, new))


def test_the_meaning_of_version_1_is_frozen(capsys):
    """The hashes of these specs never change while the specs do not; a change of meaning needs another version of the language."""
    corpus = Path(__file__).parent / "golden" / "hashes.json"
    frozen = json.loads(corpus.read_text())
    assert len(frozen) >= 10
    for text, known in frozen.items():
        assert _hash(text) == known
