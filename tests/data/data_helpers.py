"""Specs with data, and stand-ins for the graph's inputs, so that the data are tested without building a graph."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from graphrun.data.check import check_data
from graphrun.data.dataset import Dataset, load_data
from graphrun.errors import DataError, Reporter, sort_diagnostics
from graphrun.ir.types import sym
from graphrun.spec.load import read_text
from graphrun.spec.spec import Spec


@dataclass
class Info:
    shape: tuple[Any, ...]
    dtype: str = "float64"
    default: Any = None


@dataclass
class Graph:
    inputs: dict[str, Info]
    one_row: bool = field(init=False)

    def __post_init__(self) -> None:
        self.one_row = not any("batch" in map(str, info.shape) for info in self.inputs.values())


def spec_of(text: str, folder: Path | str = ".") -> Spec:
    reporter = Reporter()
    spec = read_text("graphrun: 1\n" + text, str(folder), "s", (), reporter, "s.yaml")
    assert not reporter.errors
    assert spec is not None
    return spec


def graph_of(spec: Spec) -> Graph:
    """The inputs as the build would give them."""
    inputs = {}
    for name, model in spec.model.inputs.items():
        if isinstance(model, int | float):
            inputs[name] = Info((), default=model)
        else:
            shape = tuple(sym(d) if isinstance(d, str) else d for d in model.shape)
            inputs[name] = Info(shape, model.dtype or spec.model.dtype, model.default)
    return Graph(inputs)


def load(text: str, folder: Path | str = ".", **files: str) -> Dataset:
    """Loads the data of a spec; `files` are written first (`a_csv` is a.csv)."""
    for name, content in files.items():
        (Path(folder) / name.replace("_", ".", 1)).write_text(content, encoding="utf-8", newline="")
    spec = spec_of(text, folder)
    out = load_data(spec, graph_of(spec))
    assert out is not None
    return out


def messages(text: str, folder: Path, **files: str) -> str:
    """The messages of a faulty spec, with the folder's name taken out."""
    try:
        load(text, folder, **files)
    except DataError as error:
        return str(error).replace(f"{folder}/", "").replace(str(folder), "FOLDER")
    raise AssertionError("no fault was found")


def checked(text: str, folder: Path | str = ".") -> str:
    """What `validate` says about the data."""
    spec = spec_of(text, folder)
    graph = graph_of(spec)
    reporter = Reporter()
    check_data(spec, graph.inputs, graph.one_row, reporter)
    found = "\n\n".join(d.to_text() for d in sort_diagnostics(reporter.diagnostics))
    return found.replace(f"{folder}/", "").replace(str(folder), "FOLDER")
