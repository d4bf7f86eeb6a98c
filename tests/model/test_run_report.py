"""What a run leaves in its folder."""

from __future__ import annotations

from pathlib import Path

import pytest

import graphrun as gr
from graphrun.ledger.json import json_text
from graphrun.model import run_report

SPECS = Path(__file__).parents[2] / "specs"


def test_a_graph_too_large_to_draw_has_a_report_without_its_ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_report, "DRAWN", 0)
    gr.load(SPECS / "iris.yaml").train(epochs=1, out=tmp_path / "iris")
    found = {p.name for p in (tmp_path / "iris").iterdir()}
    assert found == {"report.html", "history.csv", "health.csv", "params.safetensors", "spec.yaml", "run.json"}
    page = (tmp_path / "iris" / "report.html").read_text(encoding="utf-8")
    assert "<title>iris: a run</title>" in page
    assert page.index('id="chart-loss"') < page.index('id="run-data"')


def test_a_ledger_of_many_numbers_is_not_written_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = gr.load(SPECS / "ann.yaml")
    count = run_report._numbers(model.ledger())
    assert 50 < count < 200
    for most, written in ((count, True), (count - 1, False)):
        monkeypatch.setattr(run_report, "NUMBERS", most)
        model.train(out=tmp_path / f"{most}")
        assert (tmp_path / f"{most}" / "ledger.md").exists()
        assert (tmp_path / f"{most}" / "ledger.json").exists() == written


def test_the_ledger_of_a_run_is_that_of_the_command_line(tmp_path: Path) -> None:
    model = gr.load(SPECS / "neuron.yaml")
    written = json_text(model.ledger().to_json())
    model.train(out=tmp_path / "neuron")
    assert (tmp_path / "neuron" / "ledger.json").read_text(encoding="utf-8") == written


def test_without_health_there_is_no_table_of_it(tmp_path: Path) -> None:
    run = gr.load(SPECS / "ann.yaml", set={"train.log": "{health: false}"}).train(out=tmp_path / "ann")
    assert not (tmp_path / "ann" / "health.csv").exists()
    page = (tmp_path / "ann" / "report.html").read_text(encoding="utf-8")
    assert 'id="chart-loss"' in page
    assert 'id="chart-gradients"' not in page
    assert run.warnings == ()


def test_equal_runs_leave_equal_tables(tmp_path: Path) -> None:
    for name in ("a", "b"):
        gr.load(SPECS / "iris.yaml").train(epochs=2, out=tmp_path / name)
    for file in ("history.csv", "health.csv", "params.safetensors", "spec.yaml"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_predictions_show_rows_of_every_class() -> None:
    """The file is sorted by species; so are the training rows."""
    run = gr.load(SPECS / "iris.yaml").train(epochs=1)
    assert run.warnings == ()
    data = gr.load(SPECS / "iris.yaml").dataset
    assert data is not None
    assert set(data.cells("train", range(16))["species"]) == {"setosa", "versicolor", "virginica"}
