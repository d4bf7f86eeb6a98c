"""One picture for each step of forward and backward."""

from __future__ import annotations

import pytest
from diagram_cases import shipped

import graphrun as gr
from graphrun.diagram.frames import frames
from graphrun.diagram.place import place
from graphrun.model.picture import make_view, options_of


def pictures(name, view):
    model = shipped(name)
    return list(frames(make_view(model, options_of(model, view=view))))


def shown(view):
    return {box.id: (box.value, box.gradient) for box in view.boxes}


def test_values_then_gradients_appear():
    found = pictures("neuron", "steps")
    assert [next((box.id for box in view.boxes if box.lit), "") for view in found] == ["", *"cadJ", *"Jdacbw"]
    assert shown(found[0]) == {
        "x": ("−2", ""), "y": ("2", ""), "w": ("2", "…"), "b": ("8", "…"), **dict.fromkeys("cadJ", ("…", "…")),
    }  # fmt: skip
    assert shown(found[2])["a"] == ("4", "…")
    assert shown(found[7]) == {**shown(found[10]), "c": ("−4", "…"), "b": ("8", "…"), "w": ("2", "…")}
    assert found[2].caption == "forward   a = c + b = 4      2 of 10"
    assert found[7].caption == "backward   ∂J/∂d · ∂d/∂a = 2 · 1 = 2      7 of 10"
    assert "…" not in str(shown(found[-1]))


def test_products_appear_with_their_gradients():
    found = pictures("neuron", "steps")
    assert [{b.head for b in view.backs if "…" not in b.text} for view in found[5:]] == [
        set(), {"d"}, {"d", "a"}, {"d", "a", "c"}, {"d", "a", "c", "b"}, {"d", "a", "c", "b", "w"},
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "view"), [("neuron", "steps"), ("ann", "neurons"), ("functions", "functions")])
def test_nothing_moves(name, view):
    places = [place(found) for found in pictures(name, view)]
    assert all(p is not None and p.boxes == places[0].boxes and p.sizes == places[0].sizes for p in places)


def test_weights_of_neurons_wait_for_their_gradients():
    found = pictures("ann", "neurons")
    labels = [[text for row in a.rows for role, text in row if role == "gradient"] for a in found[0].arrows if a.weight]
    assert labels == [["∂ …"]] * 6
    last = [text for a in found[-1].arrows for row in a.rows for role, text in row if role == "gradient"]
    assert sorted(last) == sorted(["∂ 4", "∂ 8", "∂ −6", "∂ −12", "∂ 10", "∂ 2"])


def test_files_are_numbered(tmp_path):
    paths = shipped("neuron").frames(tmp_path, "mmd", view="steps")
    assert [p.removeprefix(str(tmp_path)).lstrip("/\\") for p in paths] == [f"{k:02d}.mmd" for k in range(11)]
    assert "∂ …" in (tmp_path / "00.mmd").read_text(encoding="utf-8")
    with pytest.raises(gr.UsageError, match="the view `layers` has no steps"):
        shipped("iris").frames(tmp_path, "svg", view="layers")
