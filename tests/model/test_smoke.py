"""`validate --smoke`: passes on synthetic data find what static checks cannot."""

import json
from pathlib import Path

import pytest

from graphrun.cli.main import main
from graphrun.model import smoke_test, validate

ROOT = Path(__file__).parents[2]
SHIPPED = sorted([*ROOT.glob("specs/**/*.yaml"), *ROOT.glob("graphrun/templates/*.yaml")])

LOG = """\
graphrun: 1
inputs:
  x: {shape: [3]}
  y: {}
nodes:
  h: x -> dense(4, activation=relu)
  p: sum(h) - sum(h)
  J: (log(p) - y)^2
loss: J
train: {steps: 10}
"""
DEAD = """\
graphrun: 1
inputs:
  x: {shape: [batch, 3]}
  t: {shape: [batch]}
params:
  w: {shape: [3], init: 0}
  b: 0
nodes:
  J: mean((relu(sinh(x @ w)) + b - t)^2)
loss: J
train: {steps: 10}
"""


@pytest.fixture
def found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(text, sound=True):
        Path("s.yaml").write_text(text, encoding="utf-8")
        assert all(d.severity == "warning" for d in validate("s.yaml")) == sound
        return smoke_test("s.yaml")

    return call


@pytest.mark.parametrize("path", SHIPPED, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_shipped_specs_are_sound(path):
    assert smoke_test(path) == []


def test_the_first_node_that_is_not_finite_is_told(found):
    (one,) = found(LOG)
    assert one.to_text() == (
        "s.yaml:8:7 error smoke-non-finite: on synthetic data the loss is inf\n"
        "    8 |   J: (log(p) - y)^2\n"
        "      |       ^^^^^^\n"
        "   first at node J#1 = log(p)\n"
        "   because  p = 0 in row 1 of 4 (x = [0.1257, -0.1321, 0.6404], y = -2.325)\n"
        "   help: try log(p + 1e-9), or log_softmax of the logits"
    )


def test_a_power_that_overflows_wants_no_other_sign(found):
    grown = "graphrun: 1\ninputs: {x: {}}\nparams: {w: VALUE}\nnodes:\n  J: (x * 0 + w)^EXPONENT\nloss: J\ntrain: {steps: 5}\n"
    large = "take other initial values, or keep the formula away from what has no value"
    above = "try a base above 0"
    for value, exponent, mend in (("1e200", "2", large), ("-1e200", "2", large), ("0", "-1", above), ("-1", "0.5", above)):
        (one,) = found(grown.replace("VALUE", value).replace("EXPONENT", exponent))
        assert (one.code, one.help) == ("smoke-non-finite", mend), (value, exponent)


def test_a_gradient_that_is_not_finite_is_told(found):
    (one,) = found("graphrun: 1\ninputs: {x: {}}\nparams: {w: 0}\nnodes:\n  J: sqrt(x * w)\nloss: J\ntrain: {steps: 5}\n")
    assert (one.code, one.message, one.place.line) == ("smoke-non-finite", "on synthetic data the first update is not finite", 5)
    assert one.notes[0] == "first at the derivative of J = √(x · w)"


def test_an_output_and_a_metric_that_are_not_finite_are_told(found):
    (one,) = found("graphrun: 1\ninputs: {x: {}}\nnodes:\n  y: sqrt(-exp(x))\n")
    assert one.message == "on synthetic data the output y is nan"
    (two,) = found("graphrun: 1\ninputs: {x: {}}\nparams: {w: 1}\nnodes:\n  J: (w * x)^2\nloss: J\nmetrics: {m: log(J - J)}\n")
    assert two.message == "on synthetic data the metric m is -inf"


def test_a_parameter_that_never_gets_a_gradient_is_told(found):
    (one,) = found(DEAD)
    assert one.to_text() == (
        "s.yaml:6:3 warning smoke-zero-gradient: on synthetic data the gradient of `w` is 0 in each of 3 updates, "
        "so that it does not learn\n"
        "    6 |   w: {shape: [3], init: 0}\n"
        "      |   ^\n"
        "   help: other initial values, of it or of what it is multiplied with, hand a gradient back"
    )


def test_a_parameter_of_a_layer_is_told_where_the_layer_is_called(found):
    text = """\
graphrun: 1
inputs:
  x: {shape: [batch, 3]}
functions:
  unit(x):
    params: {weight: {shape: [dim(x), 2], init: 0}}
    returns: relu(x @ weight)
params: {b: 1}
nodes:
  h: x -> unit
  J: mean((h + b)^2)
loss: J
train: {steps: 3}
"""
    (one,) = found(text)
    assert "`h.weight`" in one.message
    assert one.place.line == 6


CUT = """\
graphrun: 1
inputs: {x: {shape: [batch, 3]}, t: {shape: [batch]}}
params: {w: {shape: [3], init: normal()}, b: 1}
nodes:
  J: mean((floor(x @ w) + b - t)^2)
loss: J
train: {steps: 10}
"""


def test_a_parameter_to_which_no_gradient_comes_back_is_told(found):
    (one,) = found(CUT.replace("+ b", "").replace(", b: 1", ""))
    assert (one.severity, one.message) == ("error", "on synthetic data the gradient of `w` is 0, so that nothing is learned")
    (two,) = found(CUT)
    assert (two.severity, two.place.line) == ("warning", 3)
    assert "the gradient of `w` is 0 in each of 3 updates" in two.message
    assert "`floor`" in two.help
    assert found(CUT.replace("init: normal()", "init: normal(), trainable: false")) == []
    assert found(CUT.replace("steps: 10", "steps: 10, per_parameter: {w: {frozen: true}}")) == []


def test_no_gradient_at_all_is_an_error(found):
    (one,) = found(DEAD.replace(" + b", "").replace("  b: 0\n", ""))
    assert (one.severity, one.code) == ("error", "smoke-zero-gradient")
    assert one.message == "on synthetic data the gradient of `w` is 0, so that nothing is learned"
    assert one.place.source.line(one.place.line) == "loss: J"


@pytest.mark.parametrize(
    "nodes",
    [
        "J: mean(log(sum(x, axis=-1)) + w)^2",  # of positive numbers
        "J: (w * mean(sqrt(1 - x^2)))^2",  # of fractions
    ],
)
def test_a_formula_for_some_numbers_is_not_told(found, nodes):
    text = "graphrun: 1\ninputs:\n  x: {shape: [batch, 3]}\nparams: {w: 1}\nnodes:\n  NODES\nloss: J\ntrain: {steps: 3}\n"
    assert found(text.replace("NODES", nodes)) == []


def test_a_gate_that_begins_at_zero_is_not_told(found):
    text = DEAD.replace("relu(x @ w) + b - t", "b * (x @ w) - t").replace("{shape: [3], init: 0}", "[1, 2, 3]")
    assert found(text) == []


def test_a_parameter_that_is_not_trained_is_not_told(found):
    assert found(DEAD.replace("init: 0}", "init: 0, trainable: false}")) == []
    assert found(DEAD.replace("{steps: 10}", "{steps: 10, per_parameter: {w: {frozen: true}}}")) == []


def test_where_nothing_is_trained_gradients_are_not_asked_for(found):
    assert found(DEAD.replace("train: {steps: 10}\n", "")) == []


def test_labels_are_indices_wherever_they_are_used(found):
    text = """\
graphrun: 1
inputs:
  word: {shape: [batch], dtype: int64}
  label: {shape: [batch], dtype: int64}
params:
  table: {shape: [1, 4], init: glorot_normal()}
nodes:
  J: mean(cross_entropy(table[word] -> dense(3), label))
loss: J
train: {steps: 3}
"""
    assert found(text) == []


def test_what_cannot_be_fed_is_a_warning(found):
    text = "graphrun: 1\ninputs:\n  i: {shape: [batch], dtype: int64}\nparams: {w: [1, 2]}\nnodes:\n  J: mean(w[i * 7])\nloss: J\n"
    (one,) = found(text)
    assert (one.severity, one.code) == ("warning", "smoke-failed")


def test_the_data_set_is_not_needed(found):
    text = DEAD.replace("init: 0}", "init: glorot_normal()}")
    text += "data: {source: nowhere.csv, columns: {x: [a, b, c], t: d}}\n"
    assert found(text) == []


def test_a_spec_with_errors_is_left_to_validate(found):
    assert found("graphrun: 1\nnodes: {J: nothing}\n", sound=False) == []


def test_validate_tells_it_in_each_form(found, capsys, monkeypatch):
    monkeypatch.setenv("GRAPHRUN_CACHE", "cache")
    found(DEAD)
    assert main(["validate", "s.yaml"]) == 0
    assert main(["validate", "s.yaml", "--smoke"]) == 0
    assert "warning smoke-zero-gradient" in capsys.readouterr().out
    assert main(["validate", "s.yaml", "--smoke", "--strict", "--format", "json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert [(d["code"], d["severity"], d["line"]) for d in document["diagnostics"]] == [("smoke-zero-gradient", "error", 6)]
    for form in ("github", "sarif", "junit", "gitlab"):
        main(["validate", "s.yaml", "--smoke", "--format", form])
        assert "smoke-zero-gradient" in capsys.readouterr().out


def test_an_allowance_counts_with_smoke_alone(found, capsys, monkeypatch):
    monkeypatch.setenv("GRAPHRUN_CACHE", "cache")
    allowed = DEAD.replace("init: 0}", "init: 0}   # graphrun: allow smoke-zero-gradient: loaded before it is used")
    assert found(allowed) == []
    assert main(["validate", "s.yaml", "--strict"]) == 0
    assert main(["validate", "s.yaml", "--strict", "--smoke"]) == 0
    assert "smoke" not in capsys.readouterr().out
