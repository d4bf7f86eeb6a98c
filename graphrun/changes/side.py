"""One of two specs that are compared: what it says, and what its graph tells where it can be built. Needs no NumPy."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphrun.build.build import Built
from graphrun.build.library import library
from graphrun.changes.facts import Cost, Entry, ParamFacts
from graphrun.changes.formulas import Text, read_formula
from graphrun.changes.match import Item
from graphrun.errors import Diagnostic
from graphrun.ir.cost import cost_text, total_cost
from graphrun.ir.leaves import LEAVES
from graphrun.ir.types import shape_text
from graphrun.ops.registry import OPS
from graphrun.spec.models import InputModel, Model, ParamModel
from graphrun.spec.spec import Function, Spec

__all__ = ["Side", "plain", "side_of"]


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """A spec as it is compared. `entries` are in the order of computation where there is a graph, else as written.

    `texts` holds the formula of each node, `parts` what can differ in an input or a parameter: its shape, initial value and so on.
    """

    name: str
    spec: Spec
    built: Built | None
    faults: tuple[Diagnostic, ...]
    entries: Mapping[str, Entry]
    texts: Mapping[str, Text]
    parts: Mapping[str, Mapping[str, str]]
    params: Mapping[str, ParamFacts]
    cost: Cost | None
    nodes: Mapping[str, Sequence[int]] = field(repr=False)  # the nodes of the graph that belong to each entry

    def arguments(self, function: str) -> Sequence[str]:
        """The names of a function's arguments, as far as it is known here."""
        functions, optimizers = library()
        own = self.spec.file
        for table in (own.functions, own.optimizers, functions, optimizers):
            if function in table:
                return [name for name, _ in table[function].signature.args]
        if function in OPS:
            return [*OPS[function].arrays, *(a.name for a in OPS[function].attrs)]
        return ("x", "f", "n") if function == "repeat" else ("x", "f", "start", "axis") if function == "scan" else ()

    def items(self) -> dict[str, Item]:
        """The entries as they are matched."""
        out = {}
        for name, entry in self.entries.items():
            text = self.texts.get(name)
            if text is None:
                out[name] = Item(name, entry.kind, "", (), tuple(sorted(self.parts[name].items())))
                continue
            operands = []
            for operand in text.names:
                base, _, rest = operand.partition(".")
                operands.append((base, rest) if base in self.entries else ("", operand))
            out[name] = Item(name, entry.kind, text.skeleton, operands)
        return out


def side_of(name: str, spec: Spec, built: Built | None, training: Built | None, faults: Sequence[Diagnostic]) -> Side:
    """The facts of a spec. `training` is its graph with `training` true, where that is another one."""
    graph = training or built
    nodes = _nodes(graph) if graph is not None else {}
    texts = {n: read_formula(w) for n, w in spec.model.nodes.items()}
    loss = spec.model.loss
    if loss is not None:
        text = read_formula(loss)
        if text.text not in texts and text.text not in spec.model.inputs and text.text not in spec.model.params:
            texts.setdefault("loss", text)
            loss = "loss"
        else:
            loss = text.text
    parts: dict[str, Mapping[str, str]] = {n: _input(i) for n, i in spec.model.inputs.items()}
    parts |= {n: _param(p) for n, p in spec.model.params.items()}
    params = _params(built)
    entries: dict[str, Entry] = {}
    for n, part in parts.items():
        kind = "input" if n in spec.model.inputs else "parameter"
        shape, dtype = _type(graph, n)
        count = params[n].count if n in params else 0
        shown = ", ".join(f"{k}: {v}" if k not in ("init", "default") else v for k, v in part.items() if k != "shape" or not shape)
        entries[n] = Entry(kind, n, shown, (), shape or part.get("shape", ""), dtype, count)  # type: ignore[arg-type]
    held: dict[str, int] = {}
    for p in params.values():
        base, dot, _ = p.name.partition(".")
        if dot:
            held[base] = held.get(base, 0) + p.count
    known = {*parts, *texts}
    for n, text in texts.items():
        shape, dtype = _type(graph, n)
        operands = tuple(dict.fromkeys(b for o in text.names if (b := o.partition(".")[0]) in known))
        steps = sum(1 for i in nodes.get(n, ()) if graph is not None and graph.graph.op(i) not in LEAVES)
        entries[n] = Entry("node", n, text.text, operands, shape, dtype, held.get(n, 0), steps, n == loss)
    return Side(name, spec, graph, tuple(faults), _in_order(entries, nodes), texts, parts, params, _cost(built, graph), nodes)


def _nodes(built: Built) -> dict[str, list[int]]:
    """The nodes of the graph by the entry that they belong to; '' for those that only passes made."""
    graph = built.graph
    base = [name.partition(".")[0] for name in graph.names]
    out: dict[str, list[int]] = {}
    for i in range(len(graph)):
        owner = graph._owner[i]
        out.setdefault(base[owner] if owner >= 0 and not graph.tags[graph._tag[i]][0] else "", []).append(i)
    return out


def _in_order(entries: Mapping[str, Entry], nodes: Mapping[str, Sequence[int]]) -> dict[str, Entry]:
    last = len(entries) + max((found[-1] for found in nodes.values()), default=0)
    at = {n: nodes[n][-1] if n in nodes else last for n in entries}
    return dict(sorted(entries.items(), key=lambda pair: at[pair[0]]))


def _type(built: Built | None, name: str) -> tuple[str, str]:
    """Shape and dtype of an entry, of a list those of its elements."""
    if built is None:
        return "", ""
    graph = built.graph
    if name in built.inputs:
        found = [built.inputs[name].node]
    elif name in built.nodes:
        found = [built.nodes[name]]
    elif name in built.params and built.params[name].node is not None:
        p = built.params[name]
        return shape_text(p.shape), p.dtype
    else:
        found = [i for n, i in built.nodes.items() if n.partition(".")[0] == name]
    return ", ".join(shape_text(graph.shape(i)) for i in found), graph.dtype(found[0]) if found else ""


def _input(model: Any) -> dict[str, str]:
    if not isinstance(model, InputModel):
        return {"default": plain(model)}
    written = {"shape": plain(list(model.shape)) if model.shape else "", "dtype": model.dtype or "", "default": model.default}
    return {k: plain(v) for k, v in written.items() if v is not None and v != ""}


def _param(model: Any) -> dict[str, str]:
    if not isinstance(model, ParamModel):
        return {"init": plain(model)}
    init = read_formula(model.init).text if isinstance(model.init, str) else plain(model.init)
    shape = "" if model.shape is None else plain(list(model.shape))
    written = {"shape": shape, "init": init, "trainable": "" if model.trainable else "false"}
    return {k: v for k, v in written.items() if v != ""}


def _params(built: Built | None) -> dict[str, ParamFacts]:
    if built is None:
        return {}
    return {n: ParamFacts(n, p.shape, p.dtype, p.trainable, math.prod(p.shape)) for n, p in built.params.items()}


def _cost(built: Built | None, graph: Built | None) -> Cost | None:
    if built is None or graph is None:
        return None
    steps = [i for i in range(len(graph.graph)) if graph.graph.op(i) not in LEAVES]
    once = cost_text(total_cost(graph.graph, steps))
    return Cost(sum(math.prod(p.shape) for p in built.params.values()), len(steps), sum(built.work), *once)


def plain(value: Any) -> str:
    """A value of a spec as one line of text, as YAML writes it between brackets."""
    if isinstance(value, Model):
        fields = type(value).model_fields
        return plain({fields[n].alias or n: getattr(value, n) for n in fields if n in value.model_fields_set})
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{k}: {plain(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(plain, value)) + "]"
    return "none" if value is None else str(value)


def function_parts(function: Function) -> dict[str, str]:
    """What can differ in a function: its arguments, parameters, state, nodes and result, each as text."""
    model = function.model
    args = ", ".join(name if default is None else f"{name}={read_default(default)}" for name, default in function.signature.args)
    out = {"arguments": f"({args})"}
    for name, param in model.params.items():
        out |= {f"params.{name}.{k}": v for k, v in _param(param).items()}
    for name, state in model.state.items():
        out[f"state.{name}"] = plain(state)
    out |= {f"nodes.{name}": read_formula(written).text for name, written in model.nodes.items()}
    out["returns"] = read_formula(model.returns).text
    return out


def read_default(default: Any) -> str:
    """The default of an argument as text."""
    return default.source(default.tree) if hasattr(default, "source") else str(default)
