"""The lines of the two passes: what every step computed, and what it handed back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from graphrun.ir.formula import PRODUCT, SUM, factor, formula_text, number, operand, product
from graphrun.ir.graph import Graph
from graphrun.ir.leaves import CONST, PARAM
from graphrun.ledger.facts import BackwardLine, Facts, ForwardLine, Kind, Term, is_scalar
from graphrun.ledger.steps import Step

__all__ = ["asked_nodes", "backward_lines", "forward_lines", "symbol"]


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


def forward_lines(facts: Facts, steps: Sequence[Step]) -> tuple[ForwardLine, ...]:
    """A line for each step, left to right."""
    graph, values = facts.graph, facts.values
    out = []
    for k, step in enumerate(steps, 1):
        stop = set(step.operands)
        formula = formula_text(graph, step.node, facts.name, stop.__contains__)
        numbers = None
        if is_scalar(values[step.node]) and all(is_scalar(values[j]) for j in step.operands):
            numbers = formula_text(graph, step.node, lambda j: number(_plain(values[j])), stop.__contains__)
            if numbers == number(_plain(values[step.node])) or not step.operands:
                numbers = None
        if formula == facts.name(step.node):
            formula = ""  # a node that only a pass made has its formula for a name
        out.append(ForwardLine(k, step.node, facts.name(step.node), formula, numbers, values[step.node]))
    return tuple(out)


def _plain(value: object) -> float:
    """A NumPy scalar as Python's own number."""
    item = getattr(value, "item", None)
    out = item() if item is not None else value
    assert isinstance(out, (int, float))
    return out


def backward_lines(facts: Facts, steps: Sequence[Step]) -> tuple[BackwardLine, ...]:
    """A line for each gradient, right to left: a step hands back to its operands, and a gradient is written when it is complete."""
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
    name = facts.name(of)
    out = [BackwardLine(of, name, "loss", symbol(name, name), (), (), one)]
    done = {of}
    for step in reversed(steps):
        for j in step.operands:
            if j in wanted and j not in done and (j not in users or users[j][0][0] is step):
                done.add(j)
                out.append(_line(facts, j, users.get(j, [])))
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


def _line(facts: Facts, i: int, users: Sequence[tuple[Step, int]]) -> BackwardLine:
    of = facts.name(facts.of)
    name = facts.name(i)
    terms = tuple(_term(facts, of, step, k) for step, k in users)
    shapes = None
    if all(step.scalar for step, _ in users):
        parts = _scalar_parts(facts, name, users, terms)
    else:
        parts = (_joined((t.formula if not step.scalar else _mixed(of, t), t.binding) for t, (step, _) in zip(terms, users, strict=True)),)
        shapes = _shapes(users)
    return BackwardLine(i, name, _kind(facts, i), symbol(of, name), terms, parts, facts.gradients[i], shapes)


def _term(facts: Facts, of: str, step: Step, k: int) -> Term:
    values = facts.values
    name = facts.name(step.node)
    direct = step.node == facts.of
    names = [facts.name(j) for j in step.operands]
    text, binding = step.rule.text(k, names, name, "1" if direct else symbol(of, name))
    value = None
    if step.scalar:
        value = step.rule.value(k, [values[j] for j in step.operands], values[step.node])
    return Term(step.node, name, facts.gradients[step.node], text, binding, value, direct)


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


def _scalar_parts(facts: Facts, name: str, users: Sequence[tuple[Step, int]], terms: Sequence[Term]) -> tuple[str, ...]:
    """The equal forms of a gradient: chain rule in symbols, with the local derivatives as formulas, as numbers."""
    if not terms:
        return ()
    of = facts.name(facts.of)
    constant = [step.rule.constant(k) for step, k in users]
    if len(terms) == 1 and terms[0].direct:
        return _direct_parts(facts, users[0], terms[0])
    alone = len(terms) == 1
    forms = [_joined(_chain_piece(of, name, t) for t in terms)]
    if not all(constant):
        forms.append(_joined(_formula_piece(t, alone) for t in terms))
    forms.append(_joined(_number_piece(t, alone) for t in terms))
    return tuple(forms)


def _direct_parts(facts: Facts, user: tuple[Step, int], term: Term) -> tuple[str, ...]:
    """What the end of the graph hands back is its derivative itself: `∂J/∂d = d`, `∂L/∂hat_y = hat_y - y = 7 - 5`."""
    step, k = user
    if step.rule.constant(k):
        return ()
    if step.rule.names_leaf(k):
        return (term.formula,)
    values = facts.values
    names = [number(_plain(values[j])) for j in step.operands]
    numbers = step.rule.text(k, names, number(_plain(values[step.node])))[0]
    return (term.formula, numbers)


def _chain_piece(of: str, name: str, term: Term) -> tuple[str, int]:
    if term.direct:
        return term.formula, term.binding
    return f"{symbol(of, term.upstream_name)} · {symbol(term.upstream_name, name)}", PRODUCT


def _formula_piece(term: Term, alone: bool) -> tuple[str, int]:
    if term.direct:
        return term.formula, term.binding
    upstream = number(_plain(term.upstream_gradient))
    return f"{upstream if alone else operand(upstream)} · {factor(term.formula, term.binding)}", PRODUCT


def _number_piece(term: Term, alone: bool) -> tuple[str, int]:
    value = number(_plain(term.value))
    if term.direct:
        return operand(value), PRODUCT
    upstream = number(_plain(term.upstream_gradient))
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
