"""`--set key=value`: which keys it takes, what the values are, where their faults are told."""

from __future__ import annotations

import pytest
from spec_helpers import golden, good, messages, usage

from graphrun.errors import Reporter
from graphrun.spec.load import read_text

TEXT = """graphrun: 1
name: net
dims: [time]
config: {width: 64, act: relu, flag: false, sizes: [1, 2], train.x: 1}
inputs:
  x: 1
  z: {shape: [2], default: 0}
params:
  w: 2
  v: {shape: [2], init: normal(), trainable: false}
functions:
  f(x, units=8): {params: {k: 1}, returns: x * k}
  g(x): x
optimizers:
  o(lr): {state: {m: {init: 0, update: m}}, update: param}
nodes:
  h: [x, f]
  J: w * x
loss: J
data:
  rows: [[1]]
  split: {train: 0.8, seed: 0}
train:
  epochs: 3
  optimizer: sgd(lr=0.1)
  seed: 1
expect:
  - {values: {J: 2}}
"""
TEXT = TEXT.replace(", train.x: 1", "")


def model(*settings):
    return good(TEXT, settings).model


@pytest.mark.parametrize(
    ("setting", "found", "value"),
    [
        ("width=128", lambda m: m.config["width"], 128),
        ("config.width=1e-3", lambda m: m.config["width"], 1e-3),
        ("act=tanh", lambda m: m.config["act"], "tanh"),
        ("flag=true", lambda m: m.config["flag"], True),
        ("sizes=[3, 4]", lambda m: m.config["sizes"], [3, 4]),
        ("name=other", lambda m: m.name, "other"),
        ("name=3x", lambda m: m.about, None),
        ("about=12", lambda m: m.about, "12"),
        ("dtype=float32", lambda m: m.dtype, "float32"),
        ("dims=[space]", lambda m: m.dims, ["space"]),
        ("inputs.x=-2.5", lambda m: m.inputs["x"], -2.5),
        ("inputs.z=[1, 2]", lambda m: (m.inputs["z"].default, m.inputs["z"].shape), ([1, 2], (2,))),
        ("inputs.x.dtype=float32", lambda m: (m.inputs["x"].dtype, m.inputs["x"].default), ("float32", 1)),
        ("params.w=3", lambda m: m.params["w"], 3),
        ("params.w=normal(0, 0.02)", lambda m: m.params["w"].init, "normal(0, 0.02)"),
        ("params.w.trainable=false", lambda m: (m.params["w"].init, m.params["w"].trainable), (2, False)),
        ("params.v=0.5", lambda m: (m.params["v"].init, m.params["v"].shape, m.params["v"].trainable), (0.5, (2,), False)),
        ("params.v=[1, 2]", lambda m: m.params["v"].init, [1, 2]),
        ("params.v={init: 3}", lambda m: (m.params["v"].init, m.params["v"].trainable), (3, True)),
        ("params.v.init=he_normal()", lambda m: m.params["v"].init, "he_normal()"),
        ("params.v.shape=[3, width]", lambda m: m.params["v"].shape, (3, "width")),
        ("nodes.J=w * x # 1", lambda m: m.nodes["J"], "w * x # 1"),
        ("nodes.J=3", lambda m: m.nodes["J"], 3),
        ("nodes.h=[x, f(2, 3)]", lambda m: m.nodes["h"], "[x, f(2, 3)]"),
        ("loss=mean(J)", lambda m: m.loss, "mean(J)"),
        ("metrics.error=J", lambda m: m.metrics, {"error": "J"}),
        ("functions.f.params.k=5", lambda m: m.functions["f(x, units=8)"].params["k"], 5),
        ("functions.f.returns=x + k", lambda m: m.functions["f(x, units=8)"].returns, "x + k"),
        ("functions.g=2 * x", lambda m: m.functions["g(x)"], "2 * x"),
        ("optimizers.o.state.m.init=1", lambda m: m.optimizers["o(lr)"].state["m"].init, 1),
        ("data.split.seed=3", lambda m: m.data.split.seed, 3),
        ("data.split.train=2", lambda m: m.data.split.train, 2),
        ("data.rows=[[1], [2]]", lambda m: m.data.rows, [[1], [2]]),
        ("data.columns=[x]", lambda m: m.data.columns, ["x"]),
        ("data.columns.x=a..b", lambda m: m.data.columns, {"x": "a..b"}),
        ("data.classes.species=[a, b]", lambda m: m.data.classes, {"species": ["a", "b"]}),
        ("data.transform.x=standardize(x)", lambda m: m.data.transform, {"x": "standardize(x)"}),
        ("train.seed=4", lambda m: m.train.seed, 4),
        ("train.optimizer=adam(lr=0.01, beta1=0.8)", lambda m: m.train.optimizer, "adam(lr=0.01, beta1=0.8)"),
        ("train.batch=2 * width", lambda m: m.train.batch, "2 * width"),
        ("train.clip=1", lambda m: m.train.clip, 1),
        ("train.clip.value=0.5", lambda m: m.train.clip.value, 0.5),
        ("train.drop_last=true", lambda m: m.train.drop_last, True),
        ("train.from=a.safetensors", lambda m: m.train.from_, "a.safetensors"),
        ("train.log.every=5", lambda m: m.train.log.every, 5),
        ("train.per_parameter.*.bias.weight_decay=0", lambda m: m.train.per_parameter, {"*.bias": {"weight_decay": 0}}),
        ("train.per_parameter.*.bias={weight_decay: 0}", lambda m: m.train.per_parameter, {"*.bias": {"weight_decay": 0}}),
        ("train.per_parameter.w.frozen=true", lambda m: m.train.per_parameter, {"w": {"frozen": True}}),
        ("expect.0.tolerance=0.1", lambda m: m.expect[0].tolerance, 0.1),
        ("expect.0.values.J#1=3", lambda m: m.expect[0].values, {"J": 2, "J#1": 3}),
        ("expect.0.values.h.0.k=3", lambda m: m.expect[0].values, {"J": 2, "h.0.k": 3}),
        ("diagram.view=steps", lambda m: m.diagram.view, "steps"),
        ("train.optimizer=sgd(lr=a=b)", lambda m: m.train.optimizer, "sgd(lr=a=b)"),
    ],
)
def test_a_setting_has_this_effect(setting, found, value):
    if setting == "name=3x":
        assert [d.code for d in usage(TEXT, [setting])] == ["bad-name"]
        return
    assert found(model(setting)) == value


def test_steps_replace_epochs_and_the_other_way_round():
    assert (model("train.steps=10").train.steps, model("train.steps=10").train.epochs) == (10, None)
    assert model("train.epochs=5").train.epochs == 5
    assert [d.code for d in usage(TEXT, ["train.epochs=5", "train.steps=3"])] == ["conflicting-keys"]


def test_a_section_that_is_not_written_can_be_set():
    spec = good("graphrun: 1\nnodes: {J: 1 + 1}\n", ["train.steps=10", "train.seed=3"])
    assert spec.model.train is not None
    assert (spec.model.train.steps, spec.model.train.seed) == (10, 3)
    assert spec.settings == {"train.steps": 10, "train.seed": 3}


def test_later_settings_win():
    assert model("width=1", "width=2").config["width"] == 2


def test_values_from_python():
    spec = good(TEXT, {"train.steps": 10, "train.optimizer": "sgd(lr=1)", "flag": True, "sizes": [3], "inputs.x": (1.0, 2.0)})
    assert spec.model.train is not None
    assert spec.model.train.steps == 10
    assert spec.model.config == {"width": 64, "act": "relu", "flag": True, "sizes": [3]}
    assert spec.model.inputs["x"] == [1.0, 2.0]
    spec = good(TEXT, {"train.per_parameter.*.bias": {"weight_decay": 0}})
    assert spec.model.train is not None
    assert spec.model.train.per_parameter == {"*.bias": {"weight_decay": 0}}


WRONG_VALUES = {
    "wrong type": ["train.seed=abc", "train.drop_last=yes"],
    "out of range": ["train.steps=0"],
    "no value": ["train.seed=", "width=~"],
    "yaml fault": ["sizes=[1, 2", "sizes=[f(1, 2)]"],
    "number that no float can tell": ["width=1e999", "train.batch=1e999"],
    "trap in a mapping": ["params.v={shape: [2], init: normal(0, 1)}"],
    "word": ["dtype=float16"],
    "from Python": {"train.seed": "x", "train.shuffle": 3},
    "mapping": ["width={a: 1}"],
}
UNKNOWN = {
    "misspelt key": ["train.stepz=10"],
    "misspelt section": ["trian.steps=10"],
    "misspelt name": ["params.ww=3", "nodes.JJ=3", "functions.ff=x"],
    "misspelt constant": ["widht=3"],
    "prefix left out": ["steps=3", "w=3", "J=2", "rows=[[1]]"],
    "nothing near": ["foo=3", "foo.bar=3"],
    "no keys": ["train.seed.x=3", "name.x=1"],
    "keys of a mapping": ["params.v.foo=3"],
    "list": ["expect.3.tolerance=1", "expect.x=1"],
    "version": ["graphrun=2"],
    "form": ["train.steps", "=3"],
    "dots": ["train..steps=3", ".=1"],
}


def test_wrong_values_are_told_where_they_are_set():
    found = {}
    for name, settings in {**WRONG_VALUES, **UNKNOWN}.items():
        diagnostics = usage(TEXT, settings)
        found[name] = "\n".join(d.to_text() for d in diagnostics)
        assert len(diagnostics) == len(settings)
        if name in UNKNOWN:
            assert all(d.code == "unknown-setting" and d.place is None for d in diagnostics)
    assert found == golden("settings.txt", found)


def test_places_of_set_values():
    spec = good(TEXT, ["train.optimizer=adam(lr=0.01)", "params.w=normal()", "data.columns=[x]"])
    assert str(spec.value("train", "optimizer")) == "--set:1:17"
    assert spec.value("train", "optimizer").source.text == "train.optimizer=adam(lr=0.01)"
    assert str(spec.key("train", "optimizer")) == "--set:1:1"
    place = spec.file.positions.within(("train", "optimizer"), 5, 7)
    assert (place.column, place.end_column) == (22, 24)
    assert str(spec.value("params", "w", "init")) == "--set:1:10"
    assert str(spec.file.positions.within(("params", "w", "init"), 0, 6)) == "--set:1:10"
    assert str(spec.value("data", "columns", 0)) == "--set:1:15"
    assert str(spec.value("train", "seed")) == "s.yaml:26:9"


def test_names_of_config_stand_where_data_and_train_want_a_number():
    text = (
        TEXT.replace("width: 64", "width: 64, decay: 0.9, n: 3")
        .replace("seed: 1\n", "seed: n\n  clip: {norm: decay}\n")
        .replace("seed: 0", "seed: n")
    )
    spec = good(text, ["train.eval.every=n", "n=7"])
    assert spec.model.train is not None
    assert spec.model.data is not None
    assert spec.model.data.split is not None
    assert (spec.model.train.seed, spec.model.train.clip.norm, spec.model.train.eval.every) == (7, 0.9, 7)  # type: ignore[union-attr]
    assert spec.model.data.split.seed == 7


def test_faults_of_a_setting_and_of_the_spec_are_told_together():
    said = messages(TEXT.replace("loss: J", "los: J"), ["train.seed=x"])
    assert [line.split(" ")[2] for line in said.split("\n") if " error " in line] == ["wrong-type:", "unknown-key:"]


def test_a_setting_that_cannot_be_read_is_lost_by_its_name():
    reporter = Reporter()
    text = TEXT.replace("seed: 1\n", "sed: 1\n")
    spec = read_text(text, ".", "s", ["width=1e999"], reporter, "s.yaml")
    assert spec is not None
    assert spec.file.lost.names == {"width"}
    assert [d.code for d in reporter.diagnostics] == ["malformed-number", "unknown-key"]
