"""The picture of a model's graph: which view, with which numbers, of which part, in which format."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from graphrun.diagram.choice import choose
from graphrun.diagram.dot import MOST_ARROWS, MOST_DRAWN, to_dot
from graphrun.diagram.draw import FOLD, draw
from graphrun.diagram.frames import frames
from graphrun.diagram.functions_view import functions_view
from graphrun.diagram.layers_view import layers_view
from graphrun.diagram.mermaid import to_mermaid
from graphrun.diagram.neurons_view import neurons_view
from graphrun.diagram.part import around, find_boxes, grouped, labelled, linked
from graphrun.diagram.steps_view import steps_view
from graphrun.diagram.text_picture import to_text
from graphrun.diagram.tikz import to_tikz
from graphrun.diagram.view import Row, View
from graphrun.errors import Diagnostic, RunError, UsageError, nearest
from graphrun.files import write_atomic
from graphrun.model.drawn import Numbers, box_places, heated, link_to, numbers_of, products_of, updated
from graphrun.model.overview import training_overview
from graphrun.model.zoom import zoom_picture

if TYPE_CHECKING:
    from graphrun.model.model import Model

__all__ = ["FORMATS", "SHOW", "VIEWS", "PictureOptions", "make_view", "options_of", "picture", "picture_frames", "write_view"]

FORMATS = ("svg", "png", "pdf", "dot", "mmd", "tex", "txt")
VIEWS = ("auto", "steps", "functions", "neurons", "layers", "training")
SHOW = ("values", "gradients", "shapes", "parameters", "cost", "heat")
USUAL: Mapping[str, tuple[str, ...]] = {"layers": ("shapes", "parameters")}
"""What is shown where nothing else is asked for; `values` and `gradients` in the other views."""

MOST_PRODUCTS = 400  # nodes up to which the backward arrows carry their products
MOST_NUMBERS = 20_000  # nodes up to which numbers are computed without being asked for
FRAMED = ("steps", "functions", "neurons")
MOST_FRAMES = 300
MOST_TRAINED = 24  # steps up to which the view of training shows each
FOLD_ABOVE = 500  # steps above which the view of steps is folded


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """What is drawn. `show` is None where the view's usual things are shown, `depth` None where the view decides (`ALL`: everything is
    opened); `focus` draws what is at most `radius` arrows around a box, `to` what a node depends on; `row` as `--row` takes it."""

    view: str = "auto"
    show: tuple[str, ...] | None = None
    direction: Literal["LR", "TB"] = "LR"
    highlight: tuple[str, ...] = ()
    depth: int | None = None
    focus: str | None = None
    radius: int = 2
    to: str | None = None
    row: int | str | None = None
    expand: bool = False
    link_base: str | None = None
    width: int = 80
    ascii: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    groups: Mapping[str, str] = field(default_factory=dict)


def picture(model: Model, format: str, view: str | None = None, **options: Any) -> bytes:
    """The graph drawn as bytes of `format`; `options` are those of :class:`PictureOptions`, and `diagram` in the spec stands in for what is
    not given. Numbers that are not asked for by name are left out where the data are missing. Raises UsageError, and RunError where
    nothing can draw."""
    if format not in FORMATS:
        known = ", ".join(f".{f}" for f in FORMATS)
        raise UsageError(Diagnostic("unknown-format", f"there is no picture format .{format}", help=f"use one of {known}"))
    found = options_of(model, view=view, **options)
    return write_view(make_view(model, found, whole=format == "dot"), format, found)


def picture_frames(model: Model, folder: Path, format: str = "svg", view: str | None = None, **options: Any) -> list[str]:
    """Writes a picture for each step of forward and backward, numbered; the paths. Raises UsageError and RunError as `picture` does."""
    found = options_of(model, view=view, **options)
    built = model.built
    kind = found.view
    if kind == "auto":
        kind = choose(built.graph, ends=_ends(model), loss=built.loss, entries=built.nodes, asked=_asked(model, found))
    if kind not in FRAMED:
        what = f"--frames shows step after step, and the view `{kind}` has no steps"
        raise UsageError(Diagnostic("usage", what, help=f"add --view {', --view '.join(FRAMED)}"))
    whole = make_view(model, replace(found, view=kind, show=found.show or ("values", "gradients"), highlight=()))
    pictures = list(frames(whole))
    if len(pictures) > MOST_FRAMES:
        what = f"there would be {len(pictures):,} pictures, at most {MOST_FRAMES} are written"
        raise UsageError(Diagnostic("usage", f"--frames: {what}", help="draw a part: --to NODE, or --focus NODE"))
    digits = len(str(len(pictures) - 1))
    out = []
    for k, frame in enumerate(pictures):
        path = folder / f"{k:0{max(digits, 2)}d}.{format}"
        write_atomic(path, write_view(frame, format, replace(found, show=("values", "gradients"))))
        out.append(str(path))
    return out


def write_view(view: View, format: str, options: PictureOptions) -> bytes:
    """The view as bytes of `format`."""
    if format == "mmd":
        return to_mermaid(view, numbers=bool(options.show)).encode()
    if format == "tex":
        return to_tikz(view).encode()
    if format == "txt":
        return to_text(view, width=options.width, ascii=options.ascii).encode()
    if format != "dot" and (len(view.boxes) > MOST_DRAWN or len(view.arrows) > MOST_ARROWS):
        what = f"a picture of {len(view.boxes):,} boxes and {len(view.arrows):,} arrows would take too long to lay out"
        help_ = f"{FOLD}; or write it as text, of any size: -o x.dot"
        raise RunError(Diagnostic("too-large-to-draw", what, help=help_))
    text = to_dot(view)
    return text.encode() if format == "dot" else draw(text, format)


def options_of(model: Model, **given: Any) -> PictureOptions:
    """What is given, else what `diagram` in the spec says. Raises UsageError where something is none of the choices."""
    section = model.spec.model.diagram
    known: dict[str, Any] = {}
    if section is not None:
        texts = [section.highlight] if isinstance(section.highlight, str) else section.highlight
        spec = {"view": section.view, "direction": section.direction, "show": section.show, "highlight": texts}
        known = {k: v for k, v in spec.items() if v is not None}
        known |= {"labels": dict(section.label), "groups": dict(section.group)}
    known |= {k: v for k, v in given.items() if v is not None}
    names = PictureOptions.__dataclass_fields__
    for name in known:
        if name not in names:
            near = nearest(name, names)
            raise UsageError(f"`render` takes no option `{name}`" + (f"; did you mean `{near}`?" if near else ""))
    for name in ("show", "highlight"):
        if name in known:
            known[name] = (known[name],) if isinstance(known[name], str) else tuple(known[name])
    found = PictureOptions(**known)
    for name, values, choices in (
        ("view", (found.view,), VIEWS),
        ("show", found.show or (), SHOW),
        ("direction", (found.direction,), ("LR", "TB")),
    ):
        for value in values:
            if value not in choices:
                near = nearest(value, choices)
                hint = f"did you mean `{near}`?" if near else f"one of {', '.join(choices)}"
                raise UsageError(Diagnostic("usage", f"--{name}: `{value}` is none of its choices", help=hint))
    if found.radius < 0 or (found.depth is not None and found.depth < 1):
        which = "--radius" if found.radius < 0 else "--depth"
        raise UsageError(Diagnostic("usage", f"{which}: a whole number from {0 if found.radius < 0 else 1} is wanted", help="leave it out"))
    return found


# -- the view ----------------------------------------------------------------------------------------------------------


def make_view(model: Model, options: PictureOptions, *, whole: bool = False) -> View:
    """The view that `options` ask for; `whole` where a graph of any size is written in full. Raises UsageError."""
    kind = options.view
    if kind == "auto":
        built = model.built
        kind = choose(built.graph, ends=_ends(model), loss=built.loss, entries=built.nodes, asked=_asked(model, options))
    if kind == "neurons" and options.focus is not None and options.depth is not None and options.depth >= 2:
        view = zoom_picture(model, options.focus, options.row, options.direction)
    elif kind == "training":
        steps = sum(1 for i in range(len(model.built.graph)) if len(model.built.graph.inputs(i)))
        inner = "steps" if steps <= MOST_TRAINED and not model.built.graph.calls else "layers"
        view = training_overview(model, _of_graph(model, inner, options, whole=whole), updated(model, options.row))
    else:
        view = _of_graph(model, kind, options, whole=whole)
    return _finished(model, view, options)


def _asked(model: Model, options: PictureOptions) -> frozenset[str]:
    """What the choice of a view depends on."""
    layers = {call.name for call in model.built.graph.calls}
    given = {
        "depth": options.depth is not None or options.focus in layers,
        "focus": options.focus is not None and options.focus not in layers,
        "expand": options.expand,
    }
    return frozenset((*(name for name, on in given.items() if on), *(options.show or ())))


def _ends(model: Model) -> list[int]:
    built = model.built
    return list(built.outputs.values()) or ([built.loss] if built.loss is not None else [])


def _of_graph(model: Model, kind: str, options: PictureOptions, *, whole: bool) -> View:
    built = model.built
    graph = built.graph
    folded = kind == "steps" and _folds(model, options, whole)
    show = options.show if options.show is not None else USUAL.get("layers" if folded else kind, ("values", "gradients"))
    wanted = {s for s in show if s in ("values", "gradients", "heat")}
    asked = options.show is not None or bool(options.highlight)
    numbers = Numbers()
    if (wanted or options.highlight) and (asked or len(graph) <= MOST_NUMBERS):
        numbers = numbers_of(model, options.row, strict=options.show is not None)
    values = numbers.values if "values" in wanted or options.highlight else None
    gradients = numbers.gradients if wanted & {"gradients", "heat"} or options.highlight else None
    common: dict[str, Any] = {
        "ends": _ends(model),
        "loss": built.loss,
        "inputs": {n: i.node for n, i in built.inputs.items()},
        "params": {n: p.node for n, p in built.params.items() if p.node is not None},
        "entries": built.nodes,
        "title": built.spec.name,
        "direction": options.direction,
        "to": options.to,
    }

    def one(highlight: str | None) -> View:
        if folded or kind == "layers":
            return layers_view(
                graph, **common, values=values,
                gradients=gradients, highlight=highlight, depth=options.depth or 1, show=frozenset(show),
                opened=() if options.focus is None else (options.focus,), written=_gradients_written(model),
            )  # fmt: skip
        more: dict[str, Any] = {**common, "values": values, "gradients": gradients, "highlight": highlight}
        if kind == "functions":
            view = functions_view(graph, **more)
            return heated(view, graph, gradients or {}) if "heat" in show else view
        if kind == "neurons":
            return neurons_view(graph, **more, heat="heat" in show, widths=model.loaded is not None)
        products = products_of(model, options.row, options.expand) if gradients is not None and len(graph) <= MOST_PRODUCTS else None
        return steps_view(graph, **more, expand=options.expand, products=products, show=frozenset(show), heat="heat" in show)

    passes = options.highlight or (None,)
    view = _together([one(text) for text in passes])
    return _without(view, {"value": "values", "gradient": "gradients"}, wanted) if options.highlight else view


def _gradients_written(model: Model) -> dict[int, str]:
    """The nodes that are gradients, with their formulas as the spec has them: `grad(u, t)` says more than the steps it stands for."""
    nodes = model.built.spec.model.nodes
    texts = {model.built.nodes[n]: " ".join(t.split()) for n, t in nodes.items() if isinstance(t, str) and n in model.built.nodes}
    return {i: text for i, text in texts.items() if _GRADIENT.fullmatch(text)}


_GRADIENT = re.compile(r"grad\((?:[^()]|\([^()]*\))*\)")


def _folds(model: Model, options: PictureOptions, whole: bool) -> bool:
    if options.expand or options.focus is not None or options.depth == ALL or whole:
        return False
    graph = model.built.graph
    ends = _ends(model) if options.to is None else [model.built.find(options.to) or 0]
    marks = graph.ancestors(ends)
    return sum(1 for i in range(len(graph)) if marks[i] and len(graph.inputs(i))) > FOLD_ABOVE


ALL = 1_000_000
"""The depth of `--depth all`."""


def _without(view: View, names: Mapping[str, str], wanted: set[str]) -> View:
    """Without the numbers that only the caption of a pass needs. `names` says which of `--show` each role of text is."""
    gone = {role for role, name in names.items() if name not in wanted}
    if not gone:
        return view

    def left(rows: tuple[Row, ...]) -> tuple[Row, ...]:
        kept = (tuple(piece for piece in row if piece[0] not in gone) for row in rows)
        return tuple(row for row in kept if row)

    boxes = tuple(
        replace(b, value="" if "value" in gone else b.value, gradient="" if "gradient" in gone else b.gradient, below=left(b.below))
        for b in view.boxes
    )
    arrows = tuple(replace(a, rows=left(a.rows)) for a in view.arrows)
    return replace(view, boxes=boxes, arrows=arrows, legend=tuple(entry for entry in view.legend if entry[0] not in gone))


def _together(views: Sequence[View]) -> View:
    """Pictures of one graph with several passes lit, as one."""
    first = views[0]
    if len(views) == 1:
        return first
    boxes = tuple(replace(b, lit=any(v.boxes[k].lit for v in views)) for k, b in enumerate(first.boxes))
    arrows = tuple(replace(a, lit=any(v.arrows[k].lit for v in views)) for k, a in enumerate(first.arrows))
    captions: tuple[Row, ...] = tuple((("ink", v.caption),) for v in views[1:] if v.caption)
    return replace(first, boxes=boxes, arrows=arrows, rows=(*first.rows, *captions))


def _finished(model: Model, view: View, options: PictureOptions) -> View:
    """The part that is asked for, with the spec's labels and groups, and links."""
    built = model.built
    nodes = {**{n: i.node for n, i in built.inputs.items()}, **built.nodes}
    also = {name: built.graph.name(i) for name, i in nodes.items()}
    if options.focus is not None and view.layout != "zoom":
        view = around(view, find_boxes(view, options.focus, also), options.radius)
    view = labelled(view, options.labels, also)
    view = grouped(view, options.groups, also)
    if options.link_base is not None:
        places = box_places(built.graph)
        view = linked(view, lambda i: link_to(options.link_base or "", built.graph, places.get(i)))
    return view
