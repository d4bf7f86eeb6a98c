"""`graphrun show`: how a spec is understood."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from graphrun.build.build import Built
from graphrun.cli import files, printing, sections, shipped
from graphrun.cli.options import Format, FormatOption, QuietOption, SetOption, TrainingOption
from graphrun.engines.python import PythonEngine
from graphrun.errors import Diagnostic, UsageError
from graphrun.ir.types import Dim, Shape
from graphrun.model import Model, load
from graphrun.model.layer_table import Layer, at_sizes, layers, totals, usual_sizes
from graphrun.model.training import training_step
from graphrun.spec.resolved import resolved

__all__ = ["command"]


def command(
    spec: Annotated[str | None, typer.Argument(metavar="[SPEC]", help="A spec file.", show_default=False)] = None,
    *,
    library: Annotated[
        str | None,
        typer.Option(
            "--library",
            metavar="NAME",
            help="Print how a layer, loss, optimizer, schedule or initializer of the library is written; with `all`, their names.",
            show_default=False,
        ),
    ] = None,
    resolved_: Annotated[bool, typer.Option("--spec", help="Only the resolved spec, each line with where it came from.")] = False,
    layers_: Annotated[bool, typer.Option("--layers", help="Only the table of layers, with parameters and the inputs.")] = False,
    steps: Annotated[bool, typer.Option("--steps", help="Only the primitive steps.")] = False,
    code: Annotated[bool, typer.Option("--code", help="Print the code that the python engine generates for a training step.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help=f"Show all steps and layers, not only the first {sections.MOST_ROWS}.")
    ] = False,
    training: TrainingOption = False,
    set_: SetOption = None,
    format: FormatOption = Format.text,
    quiet: QuietOption = False,
) -> None:
    """Show how a spec is understood: steps, shapes, parameters, cost.

    The spec is shown resolved: as it is read, with what `--set` changes and the defaults that bear on a run; beside each line stands where
    it came from. Each entry of `nodes` is a row of the table of layers, and each formula is shown in its primitive steps.
    `--format json` holds all of it, with totals for a check that admits a spec or refuses it.

    \b
    Examples:
      graphrun show specs/ann.yaml
      graphrun show specs/iris.yaml --set hidden=16 --spec
      graphrun show specs/iris.yaml --layers
      graphrun show specs/iris.yaml --format json
      graphrun show specs/ann.yaml --code
      graphrun show --library dense
    """
    if library is not None:
        shipped.show_entry(library, as_json=format is Format.json)
        return
    if spec is None:
        mend = "`graphrun show SPEC`, or `graphrun show --library NAME`"
        raise UsageError(Diagnostic("usage", "`graphrun show` takes a spec file", help=mend))
    model = load(files.spec(spec), set=set_ or [])
    if code:
        printing.say(PythonEngine().compile(training_step(model)).source, end="")
        return
    built = model.built_for(training)
    if format is Format.json:
        printing.say_json(_document(model, built))
        return
    some = resolved_ or layers_ or steps
    parts = [
        sections.head(model) if not some else "",
        sections.resolved_spec(model, built) if resolved_ or not (some or quiet) else "",
        sections.leaves(built) if layers_ or not some else "",
        sections.layer_table(built, everything=everything) if layers_ or not some else "",
        sections.steps(built, everything=everything) if steps or not some else "",
        sections.cost(built) if not some else "",
    ]
    printing.say("\n\n".join(part for part in parts if part))


# -- JSON --------------------------------------------------------------------------------------------------------------


def _document(model: Model, built: Built) -> dict[str, Any]:
    graph = built.graph
    n, p = built.work
    sizes = usual_sizes(built)
    return {
        "spec": model.name,
        "resolved": resolved(model.spec),
        "entries": [
            {"key": ".".join(e.path), "value": e.value, "from": e.origin, "file": e.file, "line": e.line}
            for e in sections.entries(model, built)
        ],
        "inputs": [{"name": name, "shape": _dims(i.shape), "dtype": i.dtype} for name, i in built.inputs.items()],
        "parameters": [
            {"name": name, "shape": _dims(q.shape), "dtype": q.dtype, "trainable": q.trainable, "count": math.prod(q.shape)}
            for name, q in built.params.items()
        ],
        "state": [{"name": name, "shape": _dims(s.shape), "dtype": s.dtype} for name, s in built.state.items()],
        "layers": [_layer(one, sizes) for one in layers(built)],
        "steps": [
            {
                "name": graph.name(i),
                "op": graph.op(i).name,
                "formula": sections.formula(built, i),
                "shape": _dims(graph.shape(i)),
                "dtype": graph.dtype(i),
                "place": sections.where(built, i) or None,
            }
            for i in sections.primitive(built)
        ],
        "outputs": list(built.outputs),
        "loss": built.loss_name or None,
        "totals": _totals(built, sizes),
        "work": {"nodes": n, "parameters": p, "reverse_steps": n + p, "per_parameter_steps": n * p},
    }


def _layer(one: Layer, sizes: Mapping[str, int]) -> dict[str, Any]:
    return {
        "name": one.name,
        "written": one.written,
        "level": one.level,
        "shape": _dims(one.shape),
        "dtype": one.dtype,
        "parameters": one.parameters,
        "multiply_adds": at_sizes(one.cost.multiply_adds, sizes),
        "memory_bytes": at_sizes(one.cost.memory, sizes),
    }


def _totals(built: Built, sizes: Mapping[str, int]) -> dict[str, Any]:
    """The sums; those that depend on symbolic sizes as numbers at `at`, and as formulas."""
    sums = totals(built)
    return {
        "parameters": sums.parameters,
        "trained_parameters": sums.trained,
        "parameter_bytes": sums.parameter_bytes,
        "steps": sums.steps,
        "at": dict(sizes),
        "multiply_adds": at_sizes(sums.cost.multiply_adds, sizes),
        "memory_bytes": at_sizes(sums.cost.memory, sizes),
        "multiply_adds_formula": _dim(sums.cost.multiply_adds),
        "memory_bytes_formula": _dim(sums.cost.memory),
    }


def _dims(shape: Shape) -> list[int | str]:
    return [_dim(d) for d in shape]


def _dim(d: Dim) -> int | str:
    return d if isinstance(d, int) else str(d)
