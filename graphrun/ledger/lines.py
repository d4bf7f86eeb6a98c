"""The lines of the two passes: what every step computed, and what it handed back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphrun.ir.formula import PRODUCT, SUM, factor, operand, product
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, PARAM
from graphrun.ledger.facts import BackwardLine, Facts, ForwardLine, Kind, Term
from graphrun.ledger.notes import Notes
from graphrun.ledger.steps import Step

__all__ = ["asked_nodes", "backward_lines", "forward_lines", "shape_text", "symbol"]


def symbol(of: str, name: str) -> str:
    """∂of/∂name."""
    return f"∂{of}/∂{name}"


def asked_nodes(facts: Facts) -> set[int]:
    """The nodes that `wrt` names."""
    if facts.wrt is None:
        return set()
    graph = facts.graph
    found = {name: i for table in (facts.entries, facts.params, facts.inputs) for name, i in table.items()}
    missing = [name for name in facts.wrt if name not in found]
    if missing:
        found.update(graph.index())
    return {found[name] for name in facts.wrt if name in found}


def forward_lines(notes: Notes, steps: Sequence[Step]) -> tuple[ForwardLine, ...]:
    """A line for each step, left to right."""
    values = notes.facts.values
    out = []
    for k, step in enumerate(steps, 1):
        name, formula = notes.name(step.node), notes.formula(step)
        if formula == name:
            formula = ""  # a node that only a pass made has its formula for a name
        out.append(ForwardLine(k, step.node, name, formula, notes.numbers(step), values[step.node]))
    return tuple(out)


def backward_lines(notes: Notes, steps: Sequence[Step]) -> tuple[BackwardLine, ...]:
    """A line for each gradient, right to left: a step hands back to its operands, and a gradient is written when it is complete."""
    facts = notes.facts
    of = facts.of
    asked = asked_nodes(facts)
    wanted = _wanted(facts, steps, asked)
    users: dict[int, list[tuple[Step, int]]] = {}
    for step in steps:
        if step.node in facts.gradients:
            for k, j in enumerate(step.operands):
                if j in wanted and step.rule.short_roots[k]:
                    users.setdefault(j, []).append((step, k))
    one = facts.gradients.get(of, 1.0)
    out = [BackwardLine(of, notes.of, "loss", symbol(notes.of, notes.of), (), (), one)]
    done = {of}
    for step in reversed(steps):
        for j in step.operands:
            if j in wanted and j not in done and (j not in users or users[j][0][0] is step):
                done.add(j)
                out.append(_line(notes, j, users.get(j, [])))
    return tuple(out)


def _wanted(facts: Facts, steps: Sequence[Step], asked: set[int]) -> set[int]:
    """The nodes whose gradients are written: all on the way to parameters, or on the way to what was asked for."""
    graph = facts.graph
    if facts.wrt is None:
        # an input's gradient is written only where it was asked for; a constant has none
        return {i for i in facts.gradients if graph.op(i) is PARAM or _computed(graph, i)}
    on_way = set(asked)
    for step in steps:
        if any(j in on_way for j in step.operands):
            on_way.add(step.node)
    return {i for i in on_way if i in facts.gradients}


def _computed(graph: Graph, i: int) -> bool:
    return len(graph.inputs(i)) > 0


def _kind(facts: Facts, i: int) -> Kind:
    if facts.graph.op(i) is PARAM:
        return "parameter"
    return "node" if _computed(facts.graph, i) or facts.graph.op(i) is CONST else "input"


def _line(notes: Notes, i: int, users: Sequence[tuple[Step, int]]) -> BackwardLine:
    name = notes.name(i)
    terms = tuple([_term(notes, step, k) for step, k in users])
    shapes = None
    if len(users) == 1 and users[0][0].scalar and not terms[0].direct:
        parts = _single_parts(notes, name, users[0], terms[0])
    elif all(step.scalar for step, _ in users):
        parts = _scalar_parts(notes, name, users, terms)
    else:
        pairs = zip(terms, users, strict=True)
        parts = (_joined([(t.formula if not step.scalar else _mixed(notes.of, t), t.binding) for t, (step, _) in pairs]),)
        shapes = _shapes(users)
    facts = notes.facts
    return BackwardLine(i, name, _kind(facts, i), f"∂{notes.of}/∂{name}", terms, parts, facts.gradients[i], shapes)


def _term(notes: Notes, step: Step, k: int) -> Term:
    facts, node = notes.facts, step.node
    name = notes.name(node)
    direct = node == facts.of
    names = [notes.name(j) for j in step.operands]
    text, binding = notes.templates.derivative(step.rule, k, names, name, "1" if direct else f"∂{notes.of}/∂{name}")
    value = notes.local(step, k) if step.scalar else None
    return Term(node, name, facts.gradients[node], text, binding, value, direct)


def _mixed(of: str, term: Term) -> str:
    """A scalar step's share in a line that has arrays in it."""
    if term.direct:
        return term.formula
    arriving = symbol(of, term.upstream_name)
    return arriving if term.formula == "1" else f"{arriving} · {factor(term.formula, term.binding)}"


def _joined(pieces: Iterable[tuple[str, int]]) -> str:
    """A sum; a later piece that begins with a minus, or binds loosely, stands in brackets."""
    out: list[str] = []
    for text, binding in pieces:
        out.append(f"({text})" if out and (binding <= SUM or text.startswith("-")) else text)
    return " + ".join(out)


def _scalar_parts(notes: Notes, name: str, users: Sequence[tuple[Step, int]], terms: Sequence[Term]) -> tuple[str, ...]:
    """The equal forms of a gradient: chain rule in symbols, with the local derivatives as formulas, as numbers."""
    if not terms:
        return ()
    if len(terms) == 1 and terms[0].direct:
        return _direct_parts(notes, users[0], terms[0])
    alone = len(terms) == 1
    chain = _joined([_chain_piece(notes.of, name, t) for t in terms])
    numbers = _joined([_number_piece(notes, t, alone) for t in terms])
    if all(step.rule.constant(k) for step, k in users):
        return (chain, numbers)
    return (chain, _joined([_formula_piece(notes, t, alone) for t in terms]), numbers)


def _single_parts(notes: Notes, name: str, user: tuple[Step, int], term: Term) -> tuple[str, ...]:
    """The equal forms where one step alone hands back."""
    step, k = user
    up = term.upstream_name
    chain = f"∂{notes.of}/∂{up} · ∂{up}/∂{name}"
    arriving = notes.gradient(term.upstream)
    numbers = f"{arriving} · {operand(notes.number(term.value))}"
    if step.rule.constant(k):
        return (chain, numbers)
    return (chain, f"{arriving} · {factor(term.formula, term.binding)}", numbers)


def _direct_parts(notes: Notes, user: tuple[Step, int], term: Term) -> tuple[str, ...]:
    """What the end of the graph hands back is its derivative itself: `∂J/∂d = d`, `∂L/∂hat_y = hat_y - y = 7 - 5`."""
    step, k = user
    if step.rule.constant(k):
        return ()
    if step.rule.names_leaf(k):
        return (term.formula,)
    names = [notes.value(j) for j in step.operands]
    numbers = step.rule.text(k, names, notes.value(step.node))[0]
    return (term.formula, numbers)


def _chain_piece(of: str, name: str, term: Term) -> tuple[str, int]:
    if term.direct:
        return term.formula, term.binding
    up = term.upstream_name
    return f"∂{of}/∂{up} · ∂{up}/∂{name}", PRODUCT


def _formula_piece(notes: Notes, term: Term, alone: bool) -> tuple[str, int]:
    if term.direct:
        return term.formula, term.binding
    upstream = notes.gradient(term.upstream)
    return f"{upstream if alone else operand(upstream)} · {factor(term.formula, term.binding)}", PRODUCT


def _number_piece(notes: Notes, term: Term, alone: bool) -> tuple[str, int]:
    value = notes.number(term.value)
    if term.direct:
        return operand(value), PRODUCT
    upstream = notes.gradient(term.upstream)
    return product(upstream if alone else operand(upstream), value), PRODUCT


def _shapes(users: Sequence[tuple[Step, int]]) -> str | None:
    """`[64×32] = [64×128] · [128×32]` where a line is one matrix product."""
    if len(users) != 1:
        return None
    step, k = users[0]
    rule = step.rule
    if len(rule.short_roots[k]) != 1 or rule.short_roots[k][0][1] is not None:
        return None
    node = rule.root(k)
    if node in rule.short_leaves or rule.short.op(node).name != "matmul":
        return None
    left, right = rule.short.inputs(node)
    return f"{shape_text(rule.short.shape(node))} = {shape_text(rule.short.shape(left))} · {shape_text(rule.short.shape(right))}"


def shape_text(shape: Sequence[object]) -> str:
    """`[64×32]`."""
    return "[" + "×".join(str(d) for d in shape) + "]"
