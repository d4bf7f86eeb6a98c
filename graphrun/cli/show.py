"""`graphrun show`: how a spec is understood."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from graphrun.build.build import Built
from graphrun.cli import files, printing
from graphrun.cli.options import Format, FormatOption, QuietOption, SetOption, SpecArgument, TrainingOption
from graphrun.engines.python import PythonEngine
from graphrun.ir.formula import formula_text
from graphrun.ir.leaves import LEAVES
from graphrun.ir.types import Shape, shape_text
from graphrun.model import Model, load
from graphrun.model.training import training_step
from graphrun.spec.resolved import resolved

__all__ = ["command"]

MOST_STEPS = 200


def command(
    spec: SpecArgument,
    *,
    code: Annotated[bool, typer.Option("--code", help="Print the code that the python engine generates for a training step.")] = False,
    everything: Annotated[bool, typer.Option("--all", help=f"Show all steps, not only the first {MOST_STEPS}.")] = False,
    training: TrainingOption = False,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Show how a spec is understood: steps, shapes, parameters, cost.

    The spec is shown resolved: as it is read, with what `--set` changes. Each formula is shown in its primitive steps.

    \b
    Examples:
      graphrun show specs/ann.yaml
      graphrun show specs/iris.yaml --set hidden=16
      graphrun show specs/ann.yaml --code
    """
    model = load(files.spec(spec), set=set_ or [])
    if code:
        printing.say(PythonEngine().compile(training_step(model)).source, end="")
        return
    built = model.built_for(training)
    if format is Format.json:
        printing.say_json(_document(model, built))
        return
    parts = [_head(model), _leaves(built), _steps(built, everything=everything), _cost(built)]
    if not quiet:
        parts.insert(1, "SPEC, resolved\n" + _indented(resolved(model.spec)))
    printing.say("\n\n".join(part for part in parts if part))


def _head(model: Model) -> str:
    about = " ".join((model.spec.model.about or "").split())
    return f"{model.name}: {about}" if about else model.name


def _indented(text: str) -> str:
    return "\n".join(f"  {line}".rstrip() for line in text.rstrip().split("\n"))


def _leaves(built: Built) -> str:
    rows = [("input", name, shape_text(i.shape), i.dtype, "") for name, i in built.inputs.items()]
    for name, p in built.params.items():
        numbers = printing.count(math.prod(p.shape), "number")
        rows.append(("parameter", name, shape_text(p.shape), p.dtype, numbers if p.trainable else f"{numbers}, not trained"))
    for name, s in built.state.items():
        rows.append(("state", name, shape_text(s.shape), s.dtype, f"{printing.count(math.prod(s.shape), 'number')}, not trained"))
    return "INPUTS AND PARAMETERS\n" + "\n".join(_columns(rows)) if rows else ""


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    wide = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return ["  " + "   ".join(f"{cell:<{w}}" for cell, w in zip(row, wide, strict=True)).rstrip() for row in rows]


def _primitive(built: Built) -> list[int]:
    graph = built.graph
    return [i for i in range(len(graph)) if graph.op(i) not in LEAVES]


def _formula(built: Built, i: int) -> str:
    graph = built.graph
    return formula_text(graph, i, graph.name, set(graph.inputs(i)).__contains__)


def _steps(built: Built, *, everything: bool) -> str:
    graph, found = built.graph, _primitive(built)
    shown = found if everything else found[:MOST_STEPS]
    rows = []
    for i in shown:
        rows.append((graph.name(i), f"= {_formula(built, i)}", _shape(graph.shape(i)), _where(built, i)))
    more = [f"  ... and {len(found) - len(shown):,} more (--all shows them)"] if len(found) > len(shown) else []
    return "\n".join(["STEPS", *_columns(rows), *more]) if rows else ""


def _where(built: Built, i: int) -> str:
    """The line of the spec that a step comes from, or file and line where that is another file."""
    source, line, _, _ = built.graph.place(i)
    if not line:
        return ""
    name = built.graph.sources[source]
    return f"line {line}" if name == built.spec.file.positions.source.name else f"{os.path.basename(name)}:{line}"


def _shape(shape: Shape) -> str:
    return shape_text(shape) if shape else ""


def _cost(built: Built) -> str:
    n, p = built.work
    entries = sum(math.prod(q.shape) for q in built.params.values())
    lines = [f"  {printing.count(entries, 'number')} in {printing.count(len(built.params), 'parameter')}"]
    lines.append(f"  {printing.count(len(_primitive(built)), 'primitive step')} forward")
    if built.loss is not None:
        lines.append(f"  backward visits {n:,} nodes + {p:,} parameters = {n + p:,} steps; one derivative at a time would take {n * p:,}")
    return "\n".join(["COST", *lines])


def _document(model: Model, built: Built) -> dict[str, Any]:
    graph = built.graph
    n, p = built.work
    return {
        "spec": model.name,
        "resolved": resolved(model.spec),
        "inputs": [{"name": name, "shape": _dims(i.shape), "dtype": i.dtype} for name, i in built.inputs.items()],
        "parameters": [
            {"name": name, "shape": _dims(q.shape), "dtype": q.dtype, "trainable": q.trainable, "count": math.prod(q.shape)}
            for name, q in built.params.items()
        ],
        "state": [{"name": name, "shape": _dims(s.shape), "dtype": s.dtype} for name, s in built.state.items()],
        "steps": [
            {
                "name": graph.name(i),
                "op": graph.op(i).name,
                "formula": _formula(built, i),
                "shape": _dims(graph.shape(i)),
                "dtype": graph.dtype(i),
                "place": _where(built, i) or None,
            }
            for i in _primitive(built)
        ],
        "outputs": list(built.outputs),
        "loss": built.loss_name or None,
        "work": {"nodes": n, "parameters": p, "reverse_steps": n + p, "per_parameter_steps": n * p},
    }


def _dims(shape: Shape) -> list[int | str]:
    return [d if isinstance(d, int) else str(d) for d in shape]
