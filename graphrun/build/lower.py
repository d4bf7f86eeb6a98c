"""From expressions to nodes: each form of the language becomes primitive steps, or a value known while the graph is built."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

from graphrun.build.arguments import attributes
from graphrun.build.drawing import Drawing
from graphrun.build.frame import Frame
from graphrun.build.names import Scope
from graphrun.build.unknown import meant
from graphrun.build.values import (
    Fault,
    FunctionValue,
    ListValue,
    Poisoned,
    Ref,
    Training,
    Value,
    describe,
    is_number,
    may_be_equal,
    to_float,
    whole,
)
from graphrun.errors import certain, nearest
from graphrun.expr.tree import (
    Binary,
    Bool,
    Call,
    Choice,
    EllipsisItem,
    Expr,
    Hole,
    Index,
    ListExpr,
    Name,
    Nothing,
    Num,
    SliceItem,
    Text,
    Transpose,
    Unary,
)
from graphrun.ir.leaves import CONST, DIMENSION
from graphrun.ir.opdef import OpDef
from graphrun.ir.types import Sym, shape_text, sym
from graphrun.ops.random import DROPOUT
from graphrun.ops.registry import OPS

__all__ = ["POISON", "Frame", "Lowering"]

POISON = object()
COMPARED = 300_000  # names, looked at for what unknown ones may have meant: thousands of both would take minutes
_BINARY = {
    "+": OPS["add"], "-": OPS["sub"], "*": OPS["mul"], "/": OPS["div"], "^": OPS["power"], "@": OPS["matmul"],
    "<": OPS["less"], "<=": OPS["less_equal"], ">": OPS["greater"], ">=": OPS["greater_equal"], "==": OPS["equal"], "!=": OPS["not_equal"],
}  # fmt: skip
_FOLD: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b,
    "<": lambda a, b: a < b, "<=": lambda a, b: a <= b, ">": lambda a, b: a > b, ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b, "!=": lambda a, b: a != b,
}  # fmt: skip
_NUMBERS: dict[str, Callable[..., float]] = {
    "sqrt": math.sqrt, "exp": math.exp, "log": math.log, "log2": math.log2, "log10": math.log10, "sin": math.sin, "cos": math.cos,
    "tan": math.tan, "tanh": math.tanh, "abs": abs, "minimum": min, "maximum": max,
}  # fmt: skip
_INDEX = {"gather": 1, "take_along": 1, "scatter_add": 1, "one_hot": 0}  # the operand that holds whole numbers
_REDUCTIONS = {"sum", "mean", "prod", "max", "min", "var", "std", "norm", "logsumexp", "any", "all"}
_COMPARE = {"<", "<=", ">", ">=", "==", "!="}


class Lowering(Drawing):
    """Lowers expressions. The calls of functions are in `expand.Expansion`, which derives from this."""

    compared: int = 0
    ambient: Mapping[str, Any] = MappingProxyType({})  # what every formula sees: `step` and `steps` in an optimizer's arguments
    over_rows = False  # whether a reduction without an axis runs over axis 0 alone (`data.transform`)

    # -- expressions ----------------------------------------------------------------------------------------------

    def lower(self, e: Expr, f: Frame) -> Value:
        """The value of an expression."""
        kind = type(e)
        if kind is Binary:
            return self._binary(e, f)  # type: ignore[arg-type]
        if kind is Name:
            return self.lookup(f.formula.name(e), e, f)  # type: ignore[arg-type]
        if kind is Num or kind is Text or kind is Bool:
            return e.value  # type: ignore[union-attr]
        if kind is Call:
            return self.lower_call(e, f)  # type: ignore[arg-type]
        match e:
            case Nothing():
                return None
            case Hole():
                return f.hole  # type: ignore[no-any-return]
            case Unary():
                return self._unary(e, f)
            case Index():
                return self._index(e, f)
            case Transpose():
                return Ref(self.emit(OPS["swap_last"], [self.node(self.lower(e.operand, f), e.operand, f)], {}, e, f, [e.operand]))
            case ListExpr():
                return ListValue(tuple(self.lower(item, f) for item in e.items))
            case Choice():
                return self._choice(e, f)
            case _:
                raise Fault("formula-syntax", "this cannot stand here", e)

    @abstractmethod
    def lower_call(self, e: Call, f: Frame) -> Value:
        """A call; see `expand`."""

    def lookup(self, name: str, e: Expr, f: Frame) -> Value:
        """The value of a name; a name with dots reaches into the call that a node made."""
        base, dot, rest = name.partition(".")
        scope: Scope | None = f.scope
        while scope is not None:
            if base in scope.values:
                value = scope.values[base]
                if value is POISON:
                    raise Poisoned
                return self.inside(base, rest, value, scope, e, f) if dot else value
            if base in scope.lazy:
                if dot:
                    break
                return scope.lazy[base]()  # type: ignore[no-any-return]
            if base in scope.functions and not dot:
                return scope.functions[base]
            scope = scope.outer
        if not dot:
            match name:
                case "pi":
                    return math.pi
                case "inf":
                    return math.inf
                case "training":
                    self.asks_training = True
                    return Training(self.training)
            if name in self.dims:
                return self._dim_name(name, e)
            if name in self.ambient:
                return self.ambient[name]  # type: ignore[no-any-return]
        if self.lost(base, f):
            raise Poisoned
        raise self.unknown(name, e, f)

    @abstractmethod
    def lost(self, name: str, f: Frame) -> bool:
        """Whether `name` may be a value that could not be read, whose fault has been told; see `expand`."""

    def _dim_name(self, name: str, e: Expr) -> Sym:
        if name == "batch" and self.one_row:
            raise Fault(
                "no-batch", "there is no `batch` in a graph for one row", e,
                notes=("no input has a `batch` dimension, so the graph describes one row and is mapped over rows by itself",),
                help="leave `batch` out, or give an input the dimension: `x: {shape: [batch, 4]}`",
            )  # fmt: skip
        return sym(name)

    def unknown(self, name: str, e: Expr, f: Frame) -> Fault:
        """The fault that a name is not known, with the nearest one."""
        if name in ("step", "steps"):
            return Fault(
                "unknown-name", f"`{name}` is known in the arguments of the optimizer alone", e,
                help="`step` and `steps` count updates: use them in `train.optimizer`, or in functions called there",
            )  # fmt: skip
        if self.compared > COMPARED:
            return Fault("unknown-name", f"there is no value called `{name}`", e)
        names, listed = self.seen(f)
        self.compared += len(names)
        near = nearest(name, names)
        mend, fix = meant(name, names)
        if mend is not None:
            return Fault("unknown-name", f"there is no value called `{name}`", e, help=mend, fix=fix)
        if near is None and name.lower() == "e":
            return Fault(
                "unknown-name", "there is no value called `e`", e, help="write `exp(x)` for the exponential, or `exp(1)` for the number"
            )
        if near is None and (name in OPS or self.is_function(name, f)):
            return Fault("unknown-name", f"`{name}` is a function, and a value is wanted here", e, help=f"call it: `{name}(…)`")
        known = ", ".join(listed[:12]) + (", …" if len(listed) > 12 else "")
        return Fault(
            "unknown-name",
            f"there is no value called `{name}`",
            e,
            help=f"did you mean `{near}`?" if near else f"known here: {known}" if listed else None,
            fix=certain(name, names),
        )

    @abstractmethod
    def seen(self, f: Frame) -> tuple[list[str], list[str]]:
        """The names of values that a formula may use, and those among them that are to be listed; see `assemble`."""

    @abstractmethod
    def is_function(self, name: str, f: Frame) -> bool:
        """Whether a function of that name can be called here; see `expand`."""

    @abstractmethod
    def inside(self, base: str, rest: str, value: Any, scope: Scope, e: Expr, f: Frame) -> Value:
        """What `base.rest` is; see `expand`."""

    def _unary(self, e: Unary, f: Frame) -> Value:
        if e.op == "not":
            truth, by_training = self.truth(e.operand, f)
            return Training(not truth) if by_training else not truth
        value = self.lower(e.operand, f)
        if is_number(value) or isinstance(value, Sym):
            return -value  # type: ignore[operator]
        return Ref(self.emit(OPS["neg"], [self.node(value, e.operand, f)], {}, e, f, [e.operand]))

    def _binary(self, e: Binary, f: Frame) -> Value:
        """A chain of binary operators; its left spine is walked in a loop, so that sums of thousands of terms work."""
        spine: list[Binary] = []
        left: Expr = e
        while type(left) is Binary and left.op not in ("and", "or"):
            spine.append(left)
            left = left.left
        if not spine:
            return self._and_or(e, f)
        value = self.lower(left, f)
        for b in reversed(spine):
            value = self._apply(b, value, self.lower(b.right, f), f)
        return value

    def _and_or(self, e: Binary, f: Frame) -> Value:
        truth, by_training = self.truth(e.left, f)
        if by_training:
            result, _ = self.truth(e, f)
            return Training(result)
        return self.lower(e.right if truth == (e.op == "and") else e.left, f)

    def _apply(self, b: Binary, x: Value, y: Value, f: Frame) -> Value:
        op = b.op
        sizes = (is_number(x) or isinstance(x, Sym)) and (is_number(y) or isinstance(y, Sym))
        if sizes and op != "@":
            folded = self._fold(b, x, y)
            if folded is not None:
                return folded  # type: ignore[no-any-return]
        elif op in ("==", "!=") and not isinstance(x, Ref) and not isinstance(y, Ref):
            if may_be_equal(x, y):
                raise Fault(
                    "condition-not-known", f"whether `{f.formula.source(b)}` is not known when the graph is built", b,
                    help="compare the sizes that are numbers",
                )  # fmt: skip
            return (x == y) == (op == "==")
        i = self.node(x, b.left, f, y)
        j = self.node(y, b.right, f, None if op == "^" and _inverts(y) else x)
        attrs = {"dtype": self.dtype} if op in "/" and any(a.name == "dtype" for a in _BINARY[op].attrs) else {}
        return Ref(self.emit(_BINARY[op], [i, j], attrs, b, f, [b.left, b.right]))

    def _fold(self, b: Binary, x: Any, y: Any) -> Any:
        """Arithmetic on numbers alone, exact where they are whole or fractions; None where a step has to do it."""
        op = b.op
        if isinstance(x, Sym) or isinstance(y, Sym):
            if op in "+-*" and (isinstance(x, Sym) or whole(x) is not None) and (isinstance(y, Sym) or whole(y) is not None):
                return _FOLD[op](x if isinstance(x, Sym) else whole(x), y if isinstance(y, Sym) else whole(y))
            if op == "/" and isinstance(x, Sym):
                return x.divide(y if isinstance(y, Sym) else whole(y) or 0)
            return op == "==" if op in ("==", "!=") and x == y else None
        try:
            if op == "/":
                return Fraction(x) / Fraction(y) if not isinstance(x, float) and not isinstance(y, float) else to_float(x) / to_float(y)
            found = _power(x, y) if op == "^" else _FOLD[op](x, y)
            if math.isinf(to_float(found)) and not (math.isinf(to_float(x)) or math.isinf(to_float(y))):
                raise OverflowError
            return found
        except ZeroDivisionError:
            raise Fault("number-fault", f"{f_text(b, x, y)} divides by zero", b) from None
        except (OverflowError, ValueError):
            raise Fault("number-fault", f"{f_text(b, x, y)} is not a number that can be represented", b) from None

    # -- choices --------------------------------------------------------------------------------------------------

    def truth(self, e: Expr, f: Frame) -> tuple[bool, bool]:
        """Whether a condition holds, and whether that follows from `training`."""
        if isinstance(e, Unary) and e.op == "not":
            truth, by_training = self.truth(e.operand, f)
            return not truth, by_training
        if isinstance(e, Binary) and e.op in ("and", "or"):
            left, a = self.truth(e.left, f)
            if not a and left == (e.op == "or"):
                return left, False
            right, b = self.truth(e.right, f)
            both = (left and right) if e.op == "and" else (left or right)
            return both, (a and b) or (b if not a else right == (e.op == "and"))
        value = self.lower(e, f)
        match value:
            case Training():
                return value.value, True
            case Ref() if self._compares_sizes(e, value):
                raise Fault(
                    "condition-not-known", f"whether `{f.formula.source(e)}` is not known when the graph is built", e,
                    notes=("a size of an input is known only when the graph runs",),
                    help="take the size from `config`; choose between values with `where(condition, a, b)`",
                )  # fmt: skip
            case Ref() if not isinstance(e, Name):
                raise Fault(
                    "condition-not-known", "a choice is made when the graph is built, and this is a value of the graph", e,
                    help="choose between values with `where(condition, a, b)`",
                )  # fmt: skip
            case Sym():
                raise Fault(
                    "condition-not-known",
                    f"the dimension {value} is not known when the graph is built",
                    e,
                    help="take the size from `config`",
                )
            case Ref() | FunctionValue():
                return True, False
            case ListValue():
                return bool(value.items), False
            case _:
                return bool(value), False

    def _compares_sizes(self, e: Expr, value: Ref) -> bool:
        """Whether a condition compares symbolic dimensions with numbers or with each other."""
        graph = self.builder.graph
        kinds = {graph.op(i) for i in graph.inputs(value.node)} if isinstance(e, Binary) and e.op in _COMPARE else set()
        return DIMENSION in kinds and kinds <= {DIMENSION, CONST}

    def _choice(self, e: Choice, f: Frame) -> Value:
        truth, by_training = self.truth(e.condition, f)
        if not by_training:
            return self.lower(e.then if truth else e.otherwise, f)
        return self.both(truth, lambda: self.lower(e.then, f), lambda: self.lower(e.otherwise, f), f)

    @abstractmethod
    def both(self, truth: bool, then: Callable[[], Value], otherwise: Callable[[], Value], f: Frame) -> Value:
        """The branch taken, and the other one set aside, in the order in which they stand; see `expand`."""

    # -- indexing -------------------------------------------------------------------------------------------------

    def _index(self, e: Index, f: Frame) -> Value:
        value = self.lower(e.operand, f)
        if isinstance(value, ListValue):
            at = whole(self.lower(e.items[0], f)) if len(e.items) == 1 and not isinstance(e.items[0], SliceItem | EllipsisItem) else None
            if at is None:
                raise Fault("bad-index", "a list of values is indexed by one whole number", e)
            if not -len(value.items) <= at < len(value.items):
                raise Fault("bad-index", f"index {at} is outside the list, which has {len(value.items)} elements", e)
            return value.items[at]  # type: ignore[no-any-return]
        operand = self.node(value, e.operand, f)
        items = [item if isinstance(item, SliceItem | EllipsisItem) else self.lower(item, f) for item in e.items]
        gathered = [v for v in items if isinstance(v, Ref)]
        if gathered:
            if len(items) != 1:
                raise Fault(
                    "bad-index", "a node as an index stands alone: it gathers rows", e, help="index one after the other: `x[i][:, 0]`"
                )
            return Ref(self.emit(OPS["gather"], [operand, gathered[0].node], {}, e, f, [e.operand, e.items[0]]))
        return self._slice(operand, items, e, f)

    def _slice(self, operand: int, items: list[Any], e: Index, f: Frame) -> Value:
        shape = self.builder.shape(operand)
        used = sum(1 for v in items if v is not None and not isinstance(v, EllipsisItem))
        if sum(isinstance(v, EllipsisItem) for v in items) > 1:
            raise Fault("bad-index", "`...` may stand once in an index", e)
        if used > len(shape):
            raise Fault("bad-index", f"{used} indices for {f.formula.source(e.operand)}, which has shape {shape_text(shape)}", e)
        if not any(isinstance(v, EllipsisItem) for v in items):
            items = [*items, ...]
        index: list[tuple[Any, Any, int] | None] = []
        squeeze: list[int] = []
        new_axes: list[int] = []
        for item in items:
            axis = len(index)
            if item is None:
                new_axes.append(axis - len(squeeze) + len(new_axes))
            elif item is ... or isinstance(item, EllipsisItem):
                index += [None] * (len(shape) - used)
            elif isinstance(item, SliceItem):
                index.append(self._stretch(item, e, f))
            else:
                index.append(self._position(item, e))
                squeeze.append(axis)
        i = operand
        if any(entry is not None for entry in index):
            i = self.emit(OPS["slice"], [i], {"index": tuple(index), "squeeze": tuple(squeeze)}, e, f, [e.operand])
        for axis in new_axes:
            i = self.emit(OPS["expand_dims"], [i], {"axis": axis}, e, f, [e.operand])
        return Ref(i) if i != operand else Ref(self.emit(OPS["identity"], [i], {}, e, f))

    def _position(self, item: Any, e: Index) -> tuple[Any, Any, int]:
        at = whole(item)
        if at is None:
            raise Fault("bad-index", f"an index is a whole number, a range, `...` or none; here it is {describe(item)}", e)
        return (at, at + 1, 1)

    def _stretch(self, item: SliceItem, e: Index, f: Frame) -> tuple[Any, Any, Any]:
        parts = [None if p is None else self.lower(p, f) for p in (item.start, item.stop, item.step)]
        for p in parts:
            if p is not None and whole(p) is None and not isinstance(p, Sym):
                raise Fault("bad-index", f"the bounds of a range are whole numbers; here is {describe(p)}", e)
        start, stop, step = (p if p is None or isinstance(p, Sym) else whole(p) for p in parts)
        return (start, stop, step)

    # -- attributes of operations ---------------------------------------------------------------------------------

    def primitive(self, op: OpDef, args: Sequence[Any], kwargs: dict[str, Any], e: Call, f: Frame) -> Value:
        """A call of a primitive operation with lowered arguments: arrays first, then attributes, by position or by name."""
        arrays, exprs, attrs = attributes(op, args, kwargs, e, self.dtype)
        if op.name in _NUMBERS and attrs.keys() <= {"dtype"} and all(is_number(v) for v in arrays):
            try:
                return _NUMBERS[op.name](*(to_float(v) for v in arrays))
            except (ValueError, OverflowError):
                raise Fault("number-fault", f"`{f.formula.source(e)}` is not a number that can be represented", e) from None
        if op is DROPOUT:
            return Ref(self.dropout(self.node(arrays[0], exprs[0], f), exprs[0], attrs, e, f))
        if any(a.name == "key" for a in op.attrs):
            if self.random_key is not None:
                attrs["key"], attrs["seed"] = self.random_key
            else:
                self.may_draw(op, e)
        if self.over_rows and op.name in _REDUCTIONS and attrs.get("axis") is None:
            attrs["axis"] = 0
        partner = next((v for v in arrays if isinstance(v, Ref) and self.builder.dtype(v.node) != "bool"), None)
        if op.name == "power" and _inverts(arrays[1]):
            partner = None
        whole = _INDEX.get(op.name)
        inputs = [self.node(v, x, f, partner, whole=k == whole) for k, (v, x) in enumerate(zip(arrays, exprs, strict=True))]
        if op.draws and self.random_key is None:
            inputs.append(self.step_number())
        return Ref(self.emit(op, inputs, attrs, e, f, exprs))


def _inverts(exponent: Any) -> bool:
    """Whether a power is a quotient, and so real, of whole numbers too."""
    return isinstance(exponent, int) and exponent < 0


def _power(x: Any, y: Any) -> Any:
    if isinstance(x, int | Fraction) and isinstance(y, int) and abs(y) < 1000:
        return Fraction(x) ** y if y < 0 or isinstance(x, Fraction) else x**y
    return math.pow(to_float(x), to_float(y))


def f_text(b: Binary, x: Any, y: Any) -> str:
    """`1 / 0` as a message writes it."""
    return f"{describe(x)} {b.op} {describe(y)}"
