"""Worked examples from books, papers and tutorials come out with the numbers that are printed there."""

import re
from pathlib import Path

import pytest

from graphrun.model import load, run_expectations

FOLDER = Path(__file__).parents[2] / "specs" / "published"
SPECS = sorted(p.name for p in FOLDER.glob("*.yaml"))


def test_there_are_fifteen_or_more():
    assert len(SPECS) >= 15


@pytest.mark.parametrize("name", SPECS)
def test_it_names_its_source_and_gives_its_numbers(name):
    text = (FOLDER / name).read_text()
    comment = " ".join(line[1:] for line in text.splitlines() if line.startswith("#"))
    assert re.search(r"https?://|20\d\d|edition|lecture|documentation|tutorial", comment), "names no source"
    results = run_expectations(load(FOLDER / name))
    assert results
    assert [result for result in results if not result.ok] == []
