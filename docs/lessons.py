"""Renders the lessons: docs/lessons/*.md.j2 with every number, formula and picture taken from the models. `make docs` calls this."""

from __future__ import annotations

import contextlib
import io
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from graphrun.cli.main import main as graphrun
from graphrun.ir.formula import formula_text, number
from graphrun.ledger.facts import BackwardLine, ForwardLine
from graphrun.ledger.ledger import Ledger
from graphrun.model import Model, load

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MADE = "<!-- made from docs/lessons/{} by `make docs` -->\n\n"
BENCHMARK = "benchmarks/scalars.py"


class _Text(io.StringIO):
    """Has an encoding with all signs, as a file that a command writes to has."""

    encoding = "utf-8"


def lessons() -> dict[Path, bytes]:
    """The pages and pictures of all lessons, by file."""
    out: dict[Path, bytes] = {}
    environment = Environment(
        loader=FileSystemLoader(HERE / "lessons"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # what is made is Markdown, from our own specs
    )
    environment.filters["n"] = lambda x: number(float(x))
    environment.filters["r"] = lambda x, digits=3: number(float(x), digits)
    environment.filters["big"] = lambda x: f"{x:,}"
    environment.globals |= {
        "chain": chain,
        "step": step,
        "symbols": lambda ledger, name: " = ".join([_line(ledger.backward, name).symbol, *_line(ledger.backward, name).parts[:1]]),
        "whole": whole,
        "law": law(),
        "value": value,
        "console": console,
        "of": {name: load(ROOT / "specs" / f"{name}.yaml") for name in ("neuron", "larger", "functions", "ann")},
        "benchmark": benchmark(),
        "picture": _pictures(out),
        "trained": trained,
        "after": after,
    }
    for path in sorted((HERE / "lessons").glob("*.md.j2")):
        text = re.sub(r" +$", "", environment.get_template(path.name).render(), flags=re.M)
        out[HERE / path.name.removesuffix(".j2")] = (MADE.format(path.name) + text).encode()
    return out


# -- lines of a ledger -------------------------------------------------------------------------------------------------


def chain(ledger: Ledger, name: str, digits: int = 6) -> str:
    """The whole line of a gradient: `∂J/∂w = ∂J/∂c · ∂c/∂w = 2 · x = 2 · (-2) = -4`, with so many digits."""
    line = _line(ledger.backward, name)
    text = " = ".join(dict.fromkeys([line.symbol, *line.parts, number(float(line.value))]))
    return re.sub(r"\d+\.\d+(e[-+]\d+)?", lambda m: number(float(m[0]), digits), text)


def whole(ledger: Ledger) -> str:
    """What is differentiated as one formula of inputs and parameters: `J = ½ · (w · x + b - y)²`."""
    graph, of = ledger.facts.graph, ledger.facts.of
    return f"{ledger.of} = {formula_text(graph, of, graph.name, lambda i: not graph.inputs(i))}"


def step(ledger: Ledger, name: str) -> str:
    """The whole line of a step: `c = w · x = 2 · (-2) = -4`."""
    line = _line(ledger.forward, name)
    return " = ".join(dict.fromkeys(part for part in (line.name, line.formula, line.numbers, number(float(line.value))) if part))


def value(ledger: Ledger, name: str) -> float:
    """The value of an input, a parameter or a step."""
    leaves = {leaf.name: leaf.value for leaf in (*ledger.inputs, *ledger.parameters)}
    return float(leaves[name] if name in leaves else _line(ledger.forward, name).value)


def _line(lines: Iterable[Any], name: str) -> Any:
    found: list[ForwardLine | BackwardLine] = [line for line in lines if line.name == name]
    assert len(found) == 1, f"{name} has {len(found)} lines"
    return found[0]


# -- commands and pictures ---------------------------------------------------------------------------------------------


def console(command: str, *heads: str) -> str:
    """A command and what it prints; with `heads` only the sections that begin with those words, `…` for the others."""
    out = _Text()
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(out):
        assert graphrun(shlex.split(command)[1:]) == 0, command
    text = out.getvalue().strip("\n")
    if heads:
        sections = [part if part.startswith(heads) else "…" for part in re.split(r"\n(?=[A-Z]{4,}\b)", text)]
        text = "\n\n".join(s.rstrip("\n") for k, s in enumerate(sections) if s != "…" or k == 0 or sections[k - 1] != "…")
        text = text.replace("…\n\n", "…\n").replace("\n\n…", "\n…")
    return f"```console\n$ {command}\n{text}\n```"


def _pictures(out: dict[Path, bytes]) -> Callable[..., str]:
    def picture(name: str, alt: str, model: Model, view: str, **options: Any) -> str:
        """Draws a picture into docs/images, and is what shows it."""
        path = HERE / "images" / f"{name}.svg"
        assert path not in out, f"two pictures are called {name}"
        out[path] = model.draw("svg", view, **options)
        return f"![{alt}](images/{name}.svg)"

    return picture


# -- numbers that are not in a ledger ----------------------------------------------------------------------------------


def trained(name: str, steps: Iterable[int]) -> list[tuple[int, float, float]]:
    """(step, loss, length of the gradient) before some updates of a run."""
    run = load(ROOT / "specs" / f"{name}.yaml").train()
    losses = run.history.losses
    return [(k, float(losses[k])) for k in steps]


def after(name: str, steps: int) -> Model:
    """A model after so many updates."""
    model = load(ROOT / "specs" / f"{name}.yaml")
    model.train(steps=steps)
    return model


def law() -> str:
    """The linear function that the data of specs/ann.yaml are made from, found from the data."""
    dataset = load(ROOT / "specs" / "ann.yaml").dataset
    assert dataset is not None
    columns = [np.asarray(dataset.train[name], dtype=float) for name in ("x1", "x2", "y")]
    found, residual, *_ = np.linalg.lstsq(np.stack(columns[:2], axis=1), columns[2], rcond=None)
    assert residual.sum() < 1e-20, "the data are not linear"
    terms = [name if round(c, 9) == 1 else f"{number(round(c, 9))} · {name}" for c, name in zip(found, ("x1", "x2"), strict=True)]
    return " + ".join(terms)


def benchmark() -> dict[str, Any]:
    """The net of 10,000 nodes: how large it is by its own definition, and how long its gradient took in the run that README.md shows."""
    text = (ROOT / BENCHMARK).read_text(encoding="utf-8")
    found = re.search(r"\(n, p\) == \(([\d_]+), ([\d_]+)\)", text)
    assert found, "the benchmark does not say how large its net is"
    n, p = int(found[1]), int(found[2])
    row = re.search(rf"`{re.escape(BENCHMARK)}`[^|]*\| ([\d.]+) s \|", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert row, "README.md has no row of the benchmark"
    seconds = float(row[1])
    return {"name": BENCHMARK, "n": n, "p": p, "seconds": row[1], "hours": seconds / (n + p) * n * p / 3600}
