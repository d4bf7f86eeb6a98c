"""Forward, backward and update in one picture."""

from __future__ import annotations

import pytest
from diagram_cases import apart, shipped, written

import graphrun as gr
from graphrun.model.picture import make_view, options_of


def training(model, **options):
    return make_view(model, options_of(model, view="training", **options))


def kinds(view, kind):
    return {(a.tail, a.head) for a in view.arrows if a.kind == kind}


def test_a_small_net_has_each_update_below_its_parameter():
    view = training(shipped("neuron"))
    assert kinds(view, "forward") == set(map(tuple, ("xc", "wc", "ca", "ba", "ad", "yd", "dJ")))
    assert kinds(view, "back") == {("J", "d"), ("d", "a"), ("a", "c"), ("a", "b"), ("c", "w")}
    assert {box.id: box.below for box in view.boxes if box.below} == {
        "w": ((("count", "w ← 2.4"),),),
        "b": ((("count", "b ← 7.8"),),),
    }
    assert view.legend[-1] == ("count", "below a parameter: its update, w ← w − 0.1 · ∂J/∂w")
    apart(view)


def test_the_update_is_the_one_that_training_makes():
    model = shipped("ann")
    view = training(model)
    said = {box.id: box.below[0][0][1].partition(" ← ")[2] for box in view.boxes if box.below}
    update = model.ledger().facts.update
    assert set(said) == {name for name, _, _ in update.parameters} == set(model.params)
    for name, _, new in update.parameters:
        assert float(said[name].replace("−", "-")) == pytest.approx(float(new), rel=1e-3)


def test_a_parameter_that_is_frozen_has_no_update_and_no_gradient_flows_to_it():
    text = "{steps: 1, optimizer: sgd(lr=0.1), per_parameter: {b: {frozen: true}}}"
    view = training(written(params="{w: 2, b: 1}", nodes="  a: w * 3\n  J: (a + b)^2", train=text))
    assert [box.id for box in view.boxes if box.below] == ["w"]
    assert not any(head == "b" for _, head in kinds(view, "back"))


def test_layers_have_one_optimizer():
    view = training(shipped("iris"))
    box = next(b for b in view.boxes if b.kind == "optimizer")
    assert (box.name, [row[0][1] for row in box.rows]) == ("adam", ["lr=0.01", "67 parameters", "keeps mean, square"])
    assert kinds(view, "update") == {("update", "h"), ("update", "logits")}
    assert kinds(view, "back") == {("J", "logits"), ("logits", "h")}
    apart(view)


def test_without_a_loss():
    model = gr.loads("graphrun: 1\nname: f\ninputs: {x: 1}\nnodes: {y: 2 * x}\n")
    with pytest.raises(gr.UsageError, match="there is no loss, so there is nothing to train"):
        training(model)
