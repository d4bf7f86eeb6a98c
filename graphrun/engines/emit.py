"""The statements of a step: one or a few lines for each node, in an order in which nothing that can raise comes after the first write
into a slot."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from graphrun.engines.array_code import FEW, FILLED, Call, elements, lines_into, numpy_function, ones, writes_out
from graphrun.engines.plan import JOINS, Cut, Plan, cuts, total_of
from graphrun.engines.scalar_code import converted, literal, names_in, scalar_expression
from graphrun.engines.statements import Stmt, local
from graphrun.ir.leaves import FED

__all__ = ["Code", "emit"]

# Scalar templates that cannot raise, whatever the floats.
CALM = frozenset(
    {"add", "sub", "mul", "neg", "square", "where", "abs", "sign", "maximum", "minimum", "relu", "logical_and", "logical_or", "logical_not",
     "less", "less_equal", "greater", "greater_equal", "equal", "not_equal", "isnan", "isfinite", "identity", "stop_gradient", "reshape"}
)  # fmt: skip
LEAST_PACKED = 4
BLOCK = 250  # elements taken out of an array by one line, at most


@dataclass
class Code:
    """What `emit` makes. `env` holds the objects that the code names, but for buffers; `buffers` names those.

    `loss` is the expression of the loss. `once` runs at the start of `run`, `each` in every step up to the loss, `late` after it, `moves`
    last: there the slots move.
    """

    plan: Plan
    loss: str = ""
    env: dict[str, Any] = field(default_factory=dict)
    buffers: dict[str, int] = field(default_factory=dict)
    once: list[Stmt] = field(default_factory=list)
    each: list[Stmt] = field(default_factory=list)
    late: list[Stmt] = field(default_factory=list)
    moves: list[Stmt] = field(default_factory=list)
    stretches: dict[str, tuple[int, Cut]] = field(default_factory=dict)
    zeroed: set[int] = field(default_factory=set)  # buffers whose gaps stay zero
    outputs: list[tuple[str, str]] = field(default_factory=list)  # (name, expression with marks)
    extra: dict[int, tuple[Sequence[int], str]] = field(default_factory=dict)  # buffers without a node: shape and dtype


def emit(plan: Plan) -> Code:
    """The statements of the step that `plan` is for."""
    return _Emitter(plan).run()


class _Emitter:
    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.graph = plan.graph
        self.code = Code(plan)
        self._temps = len(plan.graph)
        self._picked: dict[tuple[int, int], list[int]] = {}
        self._places: dict[int, int] = {}
        self._holders: dict[int, int] = {}  # scalar -> the array without axes that holds it for array calls
        self._constants: dict[int, Any] = {}
        self._scratches: dict[tuple[tuple[Any, ...], str], int] = {}
        self._known: dict[int, str] = {}  # id of an object -> its name

    def run(self) -> Code:
        p, code = self.plan, self.code
        self._collect_picks()
        done: set[int] = set()
        each: list[Stmt] = []
        for i in p.nodes():
            if p.kind[i] == "held":
                code.once.append(Stmt(f"{self.name('copyto', np.copyto)}({self.buffer(i)}, {local(i)})", i, (), writes=i))
            if p.kind[i] in ("const", "slot", "feed", "view", "fused") or i in done or self._is_leaf(i):
                continue
            made = self._scalar(i, done) if p.is_scalar(i) else self._array(i)
            (code.once if p.stage[i] == 1 else each).extend(made)
        code.each, code.late = self._parted(each)
        code.loss = self.arg(p.step.loss)
        self._outputs()
        self._moves()
        return code

    def _is_leaf(self, i: int) -> bool:
        return self.graph.op(i) in FED

    # -- names and operands -----------------------------------------------------------------------------------------

    def name(self, wanted: str, thing: Any) -> str:
        """The name of an object in generated code: `wanted`, numbered where that is another's."""
        known = self._known.get(id(thing))
        if known is not None:
            return known
        name, k = wanted, 1
        while name in self.code.env:
            k += 1
            name = f"{wanted}_{k}"
        self.code.env[name] = thing
        self._known[id(thing)] = name
        return name

    def arg(self, i: int) -> str:
        """Node i as an operand."""
        p = self.plan
        i = p.same[i]
        if p.kind[i] == "const":
            if p.is_scalar(i):
                value = p.value[i]
                return literal(value.item()) if self.graph.dtype(i) != "float32" else self.name(f"c{i}", value)
            return self.name(f"c{i}", p.value[i])
        if p.kind[i] in ("slot", "own", "view", "held"):
            return self.buffer(i)
        return local(i)

    def buffer(self, i: int) -> str:
        """The name of the buffer or view of node i."""
        self.code.buffers[f"b{i}"] = i
        return f"b{i}"

    def _reads(self, i: int) -> tuple[int, ...]:
        return tuple(j for j in self.plan.inputs(i) if not self.plan.is_scalar(j))

    # -- scalars ----------------------------------------------------------------------------------------------------

    def _collect_picks(self) -> None:
        """Scalars that are single elements of an array: those of one stretch are taken out together."""
        p, graph = self.plan, self.graph
        for i in p.nodes():
            if graph.op(i).name not in ("slice", "unpack") or not p.is_scalar(i) or not p.stage[i]:
                continue
            (j,) = p.inputs(i)
            if not p.is_scalar(j):
                attrs = graph.attrs(i)
                shape: Any = graph.shape(j)
                at = attrs["start"] if "start" in attrs else int(np.ravel_multi_index([s[0] for s in attrs["index"]], shape))
                self._places[i] = at
                self._picked.setdefault((j, at // BLOCK), []).append(i)

    def _scalar(self, i: int, done: set[int]) -> list[Stmt]:
        p, graph = self.plan, self.graph
        inputs = p.inputs(i)
        if i in self._places:
            return self._pick(i, inputs[0], done)
        text = scalar_expression(graph, i, [self.arg(j) for j in inputs])
        if text is not None:
            self.code.env.update(names_in(_unmarked(text), self.code.env))
            return [Stmt(text, i, (i,), raises=graph.op(i).name not in CALM)]
        total = total_of(p, i)
        if total is not None:
            return [self._total(i, total)]
        call = self._kernel(i)
        kind = graph.dtype(i)
        if kind == "float32":
            self.code.env["float32"] = np.float32
        return [Stmt(converted(call, kind), i, (i,), raises=True, reads=self._reads(i))]

    def _total(self, i: int, x: int) -> Stmt:
        """The sum, or mean, of all elements of array x."""
        p, graph = self.plan, self.graph
        n = elements(graph.shape(x))
        reads: tuple[int, ...] = (x,)
        if x in p.fused:
            a, b = p.inputs(x) * (2 if len(p.inputs(x)) == 1 else 1)
            text, reads = f"{self.arg(a)}.dot({self.arg(b)})", (a, b)
        elif p.solid(x) and n <= FEW:
            flat = self.arg(x) if len(graph.shape(x)) == 1 else self._view_of(x, lambda whole: whole.reshape(-1))
            text = f"{flat}.dot({ones(self.name, n, graph.dtype(x))})"
        elif len(graph.shape(x)) == 1 and n <= FEW:
            text = f"{self.arg(x)}.dot({ones(self.name, n, graph.dtype(x))})"
        else:
            text = f"{self.name('add_reduce', numpy_function('add.reduce'))}({self.arg(x)}, None)"
        double = graph.dtype(i) == "float64"
        text = f"float({text})" if double else text
        if graph.op(i).name == "mean":
            text += f" / {n}" if double else f" / {self.name(f'n{n}', np.float32(n))}"
        return Stmt(text, i, (i,), raises=True, reads=reads)

    def _pick(self, i: int, j: int, done: set[int]) -> list[Stmt]:
        """Element i of array j, with the others of its block where they are many."""
        graph = self.graph
        shape: Any = graph.shape(j)
        at, source, single = self._places[i], self.arg(j), graph.dtype(j) == "float32"
        start = at // BLOCK * BLOCK
        place = {self._places[k] - start: k for k in self._picked[j, at // BLOCK]}
        length = max(place) + 1
        if len(shape) > 1 or len(place) * 3 < length or len(place) < len(self._picked[j, at // BLOCK]):
            index = ", ".join(str(int(x)) for x in np.unravel_index(at, shape))
            return [Stmt(f"{source}[{index}]" if single else f"{source}.item({at})", i, (i,), reads=(j,))]
        done.update(place.values())
        cut = source if (start, length) == (0, shape[0]) else f"{source}[{start}:{start + length}]"
        text = f"list({cut})" if single else f"{cut}.tolist()"
        defines = tuple(place.get(k, -1) for k in range(length))
        return [Stmt(text if length > 1 else f"{text}[0]", i, defines, reads=(j,))]

    def _kernel(self, i: int) -> str:
        """The call of node i's kernel."""
        op, attrs = self.graph.op(i), self.graph.attrs(i)
        kernel = self.name(f"k_{op.name}", op.kernel)
        args = [self.name("np", np), *(self.arg(j) for j in self.plan.inputs(i))]
        if attrs:
            args.append(f"**{self.name(f'a{i}', attrs)}")
        return f"{kernel}({', '.join(args)})"

    # -- arrays -----------------------------------------------------------------------------------------------------

    def _array(self, i: int) -> list[Stmt]:
        p, graph = self.plan, self.graph
        if p.kind[i] == "object":
            return [Stmt(self._moved(i) or self._kernel(i), i, (i,), raises=True, reads=self._reads(i))]
        if graph.op(i).name in JOINS:
            return self._join(i)
        assert writes_out(graph, i)
        before: list[Stmt] = []
        reads = list(self._reads(i))
        args = []
        for j in p.inputs(i):
            if p.is_scalar(j) and graph.op(i).name not in FILLED:
                args.append(self._held(j, before, reads))
            else:
                args.append(self.arg(j))
        call = Call(graph, i, args, self.buffer(i), self.name, partial(self._view_of, i), self._scratch, p.solid(i))
        return [*before, *(Stmt(line, i, (), reads=tuple(reads), writes=i) for line in lines_into(call))]

    def _view_of(self, i: int, cut: Cut) -> str:
        """The name of a view of the buffer of node i."""
        name = f"b{i}v"
        self.code.stretches[name] = (i, cut)
        return name

    def _scratch(self, shape: Sequence[Any], dtype: str) -> str:
        """The name of an array of that shape, shared by all nodes: none lives longer than the lines of one node."""
        key = (tuple(shape), dtype)
        t = self._scratches.get(key)
        if t is None:
            t = self._scratches[key] = self._temp()
            self.code.extra[t] = key
        name = f"s{t - len(self.graph)}"
        self.code.buffers[name] = t
        return name

    def _held(self, j: int, before: list[Stmt], reads: list[int]) -> str:
        """Scalar j as an array without axes: NumPy takes those twice as fast as a Python float."""
        p = self.plan
        if p.kind[j] == "const":
            return self.name(f"z{j}", self._constants.setdefault(j, np.asarray(p.value[j])))
        t = self._holders.get(j)
        if t is None:
            t = self._holders[j] = self._temp()
            self.code.extra[t] = ((), self.graph.dtype(j))
            p.roots[t] = frozenset((t,))
            stmt = Stmt(f"z{j}[()] = {self.arg(j)}", j, (), writes=t)
            (self.code.once if p.stage[j] == 1 else before).append(stmt)
        self.code.buffers[f"z{j}"] = t
        reads.append(t)
        return f"z{j}"

    def _moved(self, i: int) -> str | None:
        """Cheap ways to the commonest views of objects."""
        op = self.graph.op(i).name
        if op in ("reshape", "flatten", "squeeze", "expand_dims"):
            return f"{self.arg(self.plan.inputs(i)[0])}.reshape({self.graph.shape(i)!r})"
        if op == "swap_last":
            return f"{self.arg(self.plan.inputs(i)[0])}.swapaxes(-1, -2)"
        if op == "transpose":
            return f"{self.arg(self.plan.inputs(i)[0])}.transpose({self.graph.attrs(i)['axes']!r})"
        return None

    def _join(self, i: int) -> list[Stmt]:
        """What a concat, stack, pack or unslice has left to do: operands that were not computed in their stretch are copied there."""
        p, graph = self.plan, self.graph
        if graph.op(i).name == "unslice":
            self.code.zeroed.add(i)
        inputs, stretches = p.inputs(i), cuts(graph, i)
        out: list[Stmt] = []
        there: set[int] = set()
        k = start = 0
        while k < len(inputs):
            j = inputs[k]
            run = self._scalar_run(i, inputs, k)
            if run:
                out.append(self._packed(i, inputs[k : k + run], start))
            elif p.is_scalar(j):
                out.append(Stmt(f"{self.buffer(i)}[{start}] = {self.arg(j)}", i, (), writes=i))
            elif j not in there and j in p.home and p.home[j].of == i:
                there.add(j)
            else:
                copyto = self.name("copyto", np.copyto)
                out.append(Stmt(f"{copyto}({self._stretch(i, k, stretches[k])}, {self.arg(j)})", i, (), reads=(j,), writes=i))
            for j in inputs[k : k + max(run, 1)]:
                start += elements(graph.shape(j))
            k += max(run, 1)
        return out

    def _scalar_run(self, i: int, inputs: Sequence[int], k: int) -> int:
        """How many scalars of float64 follow each other from operand k of a pack or stack of one axis; 0 where too few."""
        graph = self.graph
        if len(graph.shape(i)) != 1 or graph.dtype(i) != "float64" or graph.op(i).name not in ("pack", "stack") or i in self.plan.home:
            return 0
        end = k
        while end < len(inputs) and self.plan.is_scalar(inputs[end]) and graph.dtype(inputs[end]) == "float64" and end - k < BLOCK:
            end += 1
        return end - k if end - k >= LEAST_PACKED else 0

    def _packed(self, i: int, nodes: Sequence[int], start: int) -> Stmt:
        """Scalars written into a row of places by one call."""
        put = f"put{len(nodes)}"
        if put not in self.code.env:
            self.code.env[put] = struct.Struct(f"{len(nodes)}d").pack_into
        return Stmt(f"{put}({self.buffer(i)}, {8 * start}, {', '.join(self.arg(j) for j in nodes)})", i, (), writes=i)

    def _stretch(self, i: int, k: int, cut: Cut) -> str:
        """The name of the stretch for operand k of join i."""
        name = f"b{i}_{k}"
        self.code.stretches[name] = (i, cut)
        return name

    # -- order, outputs, moves --------------------------------------------------------------------------------------

    def _parted(self, stmts: list[Stmt]) -> tuple[list[Stmt], list[Stmt]]:
        """What can raise, with all that it needs (the loss too), and the rest; each in order."""
        p = self.plan
        locals_: set[int] = {p.same[p.step.loss]}
        roots: set[int] = set()
        first: list[bool] = [False] * len(stmts)
        for at in range(len(stmts) - 1, -1, -1):
            s = stmts[at]
            written = p.roots[s.writes] if s.writes is not None else frozenset()
            if s.raises or locals_.intersection(s.defines) or roots & written:
                first[at] = True
                locals_.update(s.uses)
                for j in s.reads:
                    roots |= p.roots.get(j, frozenset())
        return [s for at, s in enumerate(stmts) if first[at]], [s for at, s in enumerate(stmts) if not first[at]]

    def _temp(self) -> int:
        self._temps += 1
        return self._temps - 1

    def _outputs(self) -> None:
        """Further outputs as expressions that hold after the slots have moved."""
        p = self.plan
        moving = {p.same[s.node] for s in p.step.slots if s.update is not None}
        for name, node in p.step.outputs.items():
            i = p.same[node]
            text = self.arg(i)
            if p.is_scalar(i) and i in moving:
                t = self._temp()
                self.code.late.append(Stmt(text, i, (t,)))
                text = local(t)
            elif not p.is_scalar(i):
                if p.roots.get(i, frozenset()) & moving:
                    text = self._saved(i)
                text = f"{text}.copy()"
            self.code.outputs.append((name, text))

    def _saved(self, i: int) -> str:
        """A copy of array i in a buffer that is kept to the end."""
        t = self._temp()
        self.code.extra[t] = (tuple(int(d) for d in self.graph.shape(i)), self.graph.dtype(i))  # type: ignore[arg-type]
        name = f"b{t}"
        self.code.buffers[name] = t
        copyto = self.name("copyto", np.copyto)
        self.code.late.append(Stmt(f"{copyto}({name}, {self.arg(i)})", i, (), reads=(i,)))
        return name

    def _moves(self) -> None:
        """The slots take their new values: arrays are copied in, unless they were computed there; scalars change their locals."""
        p, code = self.plan, self.code
        slots = [(p.same[s.node], p.same[s.update]) for s in p.step.slots if s.update is not None]
        moving = {i for i, _ in slots}
        arrays: list[Stmt] = []
        scalars: list[Stmt] = []
        for i, u in slots:
            text = self.arg(u)
            if i == u:
                continue
            if p.is_scalar(i):
                if u in moving:
                    t = self._temp()
                    code.late.append(Stmt(text, u, (t,)))
                    text = local(t)
                scalars.append(Stmt(text, i, (i,)))
                continue
            if p.kind[u] != "own" and p.roots.get(u, frozenset()) & moving:
                text = self._saved(u)
            copyto = self.name("copyto", np.copyto)
            arrays.append(Stmt(f"{copyto}({self.buffer(i)}, {text})", i, (), reads=(u,), writes=i))
        code.moves = arrays + scalars


def _unmarked(text: str) -> str:
    return text.replace("\x01", " ").replace("\x02", " ")
