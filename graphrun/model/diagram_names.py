"""Checks what `diagram` in a spec names: nodes that are there, and passes through the graph."""

from __future__ import annotations

from graphrun.build.build import Built
from graphrun.diagram.highlight import read_highlight
from graphrun.errors import Reporter, UsageError, nearest

__all__ = ["check_diagram"]


def check_diagram(built: Built, reporter: Reporter) -> None:
    """Tells each name under `label` and `group` that is in neither graph nor calls, and each `highlight` that is no pass."""
    section = built.spec.model.diagram
    if section is None:
        return
    spec, graph = built.spec, built.graph
    known = {*built.nodes, *built.inputs, *built.params, *built.index, *(call.name for call in graph.calls)}
    for key, table in (("label", section.label), ("group", section.group)):
        for name in table:
            if name not in known:
                near = nearest(name, known)
                help_ = f"did you mean `{near}`?" if near else "name an input, a parameter, a node or a layer's call"
                reporter.error(
                    "unknown-name", f"`diagram.{key}` names `{name}`, which is not there", spec.key("diagram", key, name), help=help_
                )
    given = section.highlight
    names = {
        **{n: i.node for n, i in built.inputs.items()},
        **{n: p.node for n, p in built.params.items() if p.node is not None},
        **built.nodes,
    }
    for k, text in enumerate([given] if isinstance(given, str) else given or []):
        try:
            read_highlight(graph, text, loss=built.loss, names=names)
        except UsageError as error:
            fault = error.diagnostics[0]
            place = spec.value("diagram", "highlight") if isinstance(given, str) else spec.value("diagram", "highlight", k)
            reporter.error(fault.code, fault.message.replace("--highlight", "highlight"), place, help=fault.help)
