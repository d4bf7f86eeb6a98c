"""The picture of a model's graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphrun.diagram.dot import to_dot
from graphrun.diagram.draw import draw
from graphrun.diagram.steps_view import steps_view
from graphrun.errors import Diagnostic, RunError, UsageError
from graphrun.ir.formula import number, product

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["FORMATS", "picture"]

FORMATS = ("svg", "png", "pdf", "dot")
MOST_PRODUCTS = 400  # nodes up to which the backward arrows carry their products
LATER = ("mmd", "tex", "txt")


def picture(
    model: Model,
    format: str,
    view: str | None = None,
    *,
    show: tuple[str, ...] | None = None,
    direction: str | None = None,
    expand: bool = False,
    **options: Any,
) -> bytes:
    """The graph drawn as bytes of `format`. `show` may hold `values` and `gradients`, which are those of `grad` (left out where the data
    are missing). What is None is taken from `diagram` in the spec. Raises UsageError, and RunError where nothing can draw."""
    given = model.spec.model.diagram
    view = view or (given.view if given else None) or "auto"
    direction = direction or (given.direction if given else None) or "LR"
    if show is None:
        show = tuple(given.show) if given is not None and given.show is not None else ("values", "gradients")
    unknown = [s for s in show if s not in ("values", "gradients")]
    if unknown:
        what = f"`show: {unknown[0]}` is part of the language, but this version does not draw it yet"
        raise UsageError(Diagnostic("not-yet", what, help="show `values` and `gradients`"))
    if format in LATER or view not in ("auto", "steps"):
        what = f"the format .{format}" if format in LATER else f"the view `{view}`"
        raise UsageError(
            Diagnostic(
                "not-yet",
                f"{what} is part of the language, but this version does not draw it yet",
                help="use the `steps` view as .svg, .png, .pdf or .dot",
            )
        )
    if format not in FORMATS:
        raise UsageError(Diagnostic("unknown-format", f"there is no picture format .{format}", help="use .svg, .png, .pdf or .dot"))
    built = model.built
    graph = built.graph
    values: Any = None
    gradients: Any = None
    if show:
        try:
            values, gradients = _numbers(model, show)
        except (RunError, UsageError):
            values = gradients = None
    products = _products(model, expand) if gradients is not None and len(graph) <= MOST_PRODUCTS else None
    text = to_dot(
        steps_view(
            graph,
            ends=list(built.outputs.values()) or ([built.loss] if built.loss is not None else []),
            loss=built.loss,
            inputs={n: i.node for n, i in built.inputs.items()},
            params={n: p.node for n, p in built.params.items() if p.node is not None},
            entries=built.nodes,
            values=values,
            gradients=gradients,
            title=built.spec.name,
            direction=direction,
            expand=expand,
            fold=False if format == "dot" else None,
            products=products,
            **options,
        )
    )
    return text.encode() if format == "dot" else draw(text, format)


def _products(model: Model, expand: bool) -> dict[tuple[int, int], str]:
    """(user, operand) → the product that the backward pass carries along that edge, as the ledger writes it: symbols, then numbers."""
    ledger = model.ledger(expand=expand)
    out: dict[tuple[int, int], str] = {}
    for line in ledger.backward:
        for term in line.terms:
            if term.value is None:
                continue
            value, upstream = float(term.value), float(term.upstream_gradient)
            if term.direct:
                same = term.formula in (number(value), number(value, 4))
                symbols = line.symbol if same else f"{line.symbol} = {term.formula}"
                numbers = f"= {number(value, 4)}"
            else:
                symbols = f"∂{ledger.of}/∂{term.upstream_name} · ∂{term.upstream_name}/∂{line.name}"
                numbers = f"{product(number(upstream, 4), number(value, 4))} = {number(upstream * value, 4)}"
            out[term.upstream, line.node] = f"{symbols}\n{numbers}"
    return out


def _numbers(model: Model, show: tuple[str, ...]) -> tuple[Any, Any]:
    """Values and gradients by node of the unbound graph, at the first row and the current parameters."""
    if model.built.loss is None:
        return (model.run().by_node if "values" in show else None), None
    g = model.grad()
    return (g.values.by_node if "values" in show else None), (g.by_node if "gradients" in show else None)
