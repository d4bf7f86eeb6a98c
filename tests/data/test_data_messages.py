"""Every message about data, whole. The texts are in data_messages.txt; this file, run as a program, prints them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from data_helpers import messages

GOLDEN = Path(__file__).with_name("data_messages.txt")
X = "inputs: {x: {}, y: {}}\n"
C = "x,y\n1,2\n3,4\n5,6\n"

CASES: dict[str, tuple[str, dict[str, str]]] = {
    "missing file": (X + "data: {source: irsi.csv}", {"iris_csv": C}),
    "missing file, none near": (X + "data: {source: measures.csv}", {"a_csv": C, "b_tsv": C}),
    "missing folder": (X + "data: {source: no/a.csv}", {}),
    "glob": (X + 'data: {source: "b*.csv"}', {"a_csv": C}),
    "folder": (X + "data: {source: .}", {}),
    "suffix": (X + "data: {source: a.xls}", {"a_xls": C}),
    "neither": (X + "data: {}", {}),
    "both": (X + "data: {source: a.csv, rows: [[1, 2]], columns: [x, y]}", {"a_csv": C}),
    "empty": (X + "data: {source: a.csv}", {"a_csv": ""}),
    "header only": (X + "data: {source: a.csv}", {"a_csv": "x,y\n\n"}),
    "ragged": (X + "data: {source: a.csv}", {"a_csv": "x,y\n1,2\n1,2,3\n\n4\n"}),
    "ragged many": (X + "data: {source: a.csv}", {"a_csv": "x,y\n" + "1\n" * 7}),
    "quote": (X + "data: {source: a.csv}", {"a_csv": 'x,y\n1,"2\n3,4\n'}),
    "no rows": (X + "data: {rows: [], columns: [x, y]}", {}),
    "rows without columns": (X + "data: {rows: [[1, 2]]}", {}),
    "rows with a mapping": (X + "data: {rows: [[1, 2]], columns: {x: x}}", {}),
    "ragged rows": (X + "data: {rows: [[1, 2], [3], [4, 5, 6]], columns: [x, y]}", {}),
    "missing column": (X + "data: {source: a.csv}", {"a_csv": "x,Y\n1,2\n"}),
    "missing column, named": (X + "data: {source: a.csv, columns: {x: x, y: hight}}", {"a_csv": "x,height\n1,2\n"}),
    "no comma": (X + "data: {source: a.csv}", {"a_csv": "x;y\n1;2\n"}),
    "no header": (X + "data: {source: a.csv}", {"a_csv": "1,2\n3,4\n"}),
    "pattern": (X + 'data: {source: a.csv, columns: {x: "p_*", y: y}}', {"a_csv": C}),
    "range": (X + "data: {source: a.csv, columns: {x: y..x, y: x..z}}", {"a_csv": C}),
    "duplicate": (X + "data: {source: a.csv}", {"a_csv": "x,y,x\n1,2,3\n"}),
    "other file": (X + "data: {source: [a.csv, b.csv]}", {"a_csv": C, "b_csv": "x,yy\n1,2\n"}),
    "unknown input": (X + "data: {source: a.csv, columns: {x: x, z: y}}", {"a_csv": C}),
    "unknown input in a list": (X + "data: {rows: [[1, 2, 3]], columns: [x, y, yy]}", {}),
    "twice": (X + "data: {rows: [[1, 2, 3]], columns: [x, y, y]}", {}),
    "unfed": (X + "data: {source: a.csv, columns: {x: x}}", {"a_csv": C}),
    "count": ("inputs: {x: {shape: [batch, 3]}, y: {shape: [batch]}}\ndata: {source: a.csv, columns: {x: [x, y], y: y}}", {"a_csv": C}),
    "count of a scalar": (X + 'data: {source: a.csv, columns: {x: "*", y: y}}', {"a_csv": "x,y,a,b,c,d\n1,2,3,4,5,6\n"}),
    "count of inline": ("inputs: {x: {shape: [2]}}\ndata: {rows: [[[1, 2]], [[3]], [4]], columns: [x]}", {}),
    "no batch": ("inputs: {x: {shape: [batch]}, y: {shape: [2]}}\ndata: {source: a.csv, columns: {x: x, y: [x, y]}}", {"a_csv": C}),
    "batch not first": ("inputs: {x: {shape: [2, batch]}}\ndata: {source: a.csv, columns: {x: [x, y]}}", {"a_csv": C}),
    "dimension": ("dims: [time]\ninputs: {x: {shape: [batch, time]}}\ndata: {source: a.csv, columns: {x: [x, y]}}", {"a_csv": C}),
    "cells": (X + "data: {source: a.csv}", {"a_csv": 'x,y\n1,2\nabc,nan\n5,"1,5"\n1_000,inf\n,7\n2,3\n4,1e999\n'}),
    "many cells": (X + "data: {source: a.csv}", {"a_csv": "x,y\n" + "1,2\n" * 9 + "1,a\n" * 8}),
    "whole": ("inputs: {x: {dtype: int64}, y: {dtype: float32}}\ndata: {source: a.csv}", {"a_csv": "x,y\n1,2\n2.5,1e39\n1e30,3\n"}),
    "boolean": ("inputs: {x: {dtype: bool}}\ndata: {source: a.csv}", {"a_csv": "x\ntrue\nFalse\nyes\n2\n"}),
    "inline cells": (X + "data:\n  rows: [[1, two], [3, null], [4, 5], [6, 7], ['8', .inf]]\n  columns: [x, y]", {}),
    "inline list cells": ("inputs: {x: {shape: [2]}}\ndata:\n  rows: [[[1, 2]], [[1, a]], [[2, 3]]]\n  columns: [x]", {}),
    "unknown class": ("inputs: {k: {dtype: int64}}\ndata: {source: a.csv, classes: {k: [dog, cat]}}", {"a_csv": "k\ndog\ncta\ncat\n7\n\n"}),
    "class of validation only": (
        "inputs: {k: {dtype: int64}}\ndata: {source: {train: a.csv, valid: b.csv}}",
        {"a_csv": "k\nb\na\n", "b_csv": "k\nb\nzebra\n"},
    ),
    "classes of nothing": (X + "data: {source: a.csv, classes: {z: [a], y: [a, a], w: [b]}}", {"a_csv": "x,y,w\n1,a,3\n"}),
    "number among classes": ("inputs: {k: {dtype: int64}}\ndata: {source: a.csv}", {"a_csv": "k\ndog\ncat\n3\ncat\n"}),
    "split sum": (X + "data: {source: a.csv, split: {train: 0.8, valid: 0.1}}", {"a_csv": C}),
    "split too many": (X + "data: {source: a.csv, split: {train: 3, valid: 1}}", {"a_csv": C}),
    "split only train": (X + "data: {source: a.csv, split: {train: 0.5}}", {"a_csv": C}),
    "split nothing": (X + "data: {source: a.csv, split: {seed: 3}}", {"a_csv": C}),
    "split values": (X + "data: {source: a.csv, split: {valid: 1.5, test: -1}}", {"a_csv": C}),
    "split leaves none": (X + "data: {source: a.csv, split: {valid: 3}}", {"a_csv": C}),
    "split by": (X + "data: {source: a.csv, split: {by: s}}", {"a_csv": "x,y,s\n1,2,train\n1,2,tain\n3,4,test\n5,6,dev\n"}),
    "split by without train": (X + "data: {source: a.csv, split: {by: s}}", {"a_csv": "x,y,s\n1,2,test\n"}),
    "split columns": (X + "data: {source: a.csv, split: {valid: 1, stratify: z}}", {"a_csv": C}),
    "split files": (X + "data: {source: {train: a.csv, dev: a.csv}}", {"a_csv": C}),
    "split files and split": (X + "data: {source: {train: a.csv, test: a.csv}, split: {valid: 1}}", {"a_csv": C}),
    "split files without train": (X + "data: {source: {test: a.csv}}", {"a_csv": C}),
    "transform of nothing": (X + "data: {source: a.csv, transform: {z: z + 1}}", {"a_csv": C}),
    "transform shape": (X + "data: {source: a.csv, transform: {x: mean(x)}}", {"a_csv": C}),
    "transform dtype": ("inputs: {x: {dtype: int64}}\ndata: {source: a.csv, transform: {x: x / 2}}", {"a_csv": C}),
    "transform finite": (X + "data: {source: a.csv, transform: {x: log(x - 3)}}", {"a_csv": C}),
}


def golden() -> dict[str, str]:
    parts = GOLDEN.read_text(encoding="utf-8").split("--- ")[1:]
    return {head: body.rstrip("\n") for head, _, body in (part.partition("\n") for part in parts)}


@pytest.mark.parametrize("name", CASES)
def test_message(name: str, tmp_path: Path) -> None:
    text, files = CASES[name]
    assert messages(text, tmp_path, **files) == golden()[name]


def test_every_text_belongs_to_a_case() -> None:
    assert list(golden()) == list(CASES)


if __name__ == "__main__":
    for name, (text, files) in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            print(f"--- {name}\n{messages(text, Path(folder), **files)}")
