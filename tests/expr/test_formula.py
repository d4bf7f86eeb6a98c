"""Every form of language.md §5, its precedence, and where its parts stand."""

from __future__ import annotations

import sys

import pytest

from graphrun.expr import convert
from graphrun.expr import tree as t
from graphrun.expr.lexer import tokenize
from graphrun.expr.parse import calls, parse, parse_signature, parse_stage, value_names
from graphrun.expr.write import write


def show(formula: t.Formula, node: t.Expr | None = None) -> str:
    """The tree as an s-expression."""
    node = formula.tree if node is None else node

    def many(parts: tuple[t.Expr, ...]) -> str:
        return " ".join(show(formula, part) for part in parts)

    match node:
        case t.Num() | t.Text():
            return repr(node.value)
        case t.Bool():
            return "#t" if node.value else "#f"
        case t.Nothing():
            return "#none"
        case t.Hole():
            return "_"
        case t.EllipsisItem():
            return "..."
        case t.Name():
            return formula.name(node)
        case t.Unary():
            return f"({node.op} {show(formula, node.operand)})"
        case t.Binary():
            return f"({node.op} {show(formula, node.left)} {show(formula, node.right)})"
        case t.Call():
            arrow = "->" if node.piped else ""
            named = "".join(f" {key}={show(formula, value)}" for key, value in node.kwargs)
            return f"({arrow}{node.func}{' ' if node.args else ''}{many(node.args)}{named})"
        case t.Index():
            return f"(index {show(formula, node.operand)} {many(node.items)})"
        case t.SliceItem():
            return ":".join("" if part is None else show(formula, part) for part in (node.start, node.stop, node.step))
        case t.Transpose():
            return f"(T {show(formula, node.operand)})"
        case t.ListExpr():
            return f"[{many(node.items)}]"
        case t.Choice():
            return f"(if {show(formula, node.condition)} {show(formula, node.then)} {show(formula, node.otherwise)})"


FORMS = [
    # numbers
    ("1", "1"),
    ("2.5", "2.5"),
    ("1e-3", "0.001"),
    ("1E3", "1000.0"),
    ("1_000", "1000"),
    (".5", "0.5"),
    ("1.", "1.0"),
    ("017", "17"),
    ("1_0.5_0e1_0", "105000000000.0"),
    ("123456789012345678901234567890", "123456789012345678901234567890"),
    ("pi", "pi"),
    ("inf", "inf"),
    # arithmetic
    ("a + b", "(+ a b)"),
    ("a - b", "(- a b)"),
    ("a * b", "(* a b)"),
    ("a / b", "(/ a b)"),
    ("a ^ b", "(^ a b)"),
    ("a ** b", "(^ a b)"),
    ("a @ b", "(@ a b)"),
    ("-a", "(- a)"),
    ("--a", "(- (- a))"),
    ("-2", "(- 2)"),
    ("a - b - c", "(- (- a b) c)"),
    ("a / b * c", "(* (/ a b) c)"),
    ("a ^ b ^ c", "(^ a (^ b c))"),
    ("-x^2", "(- (^ x 2))"),
    ("2^-1", "(^ 2 (- 1))"),
    ("2^-x^3", "(^ 2 (- (^ x 3)))"),
    ("(-x)^2", "(^ (- x) 2)"),
    ("-a * b", "(* (- a) b)"),
    ("a * -b", "(* a (- b))"),
    ("a + b * c ^ d", "(+ a (* b (^ c d)))"),
    ("a @ b * c", "(* (@ a b) c)"),
    ("1/2 * d^2", "(* (/ 1 2) (^ d 2))"),
    ("((a))", "a"),
    # comparison
    ("a < b", "(< a b)"),
    ("a <= b", "(<= a b)"),
    ("a > b", "(> a b)"),
    ("a >= b", "(>= a b)"),
    ("a == b", "(== a b)"),
    ("a != b", "(!= a b)"),
    ("a + 1 < b * 2", "(< (+ a 1) (* b 2))"),
    ("a <-b", "(< a (- b))"),
    ("(a < b) == c", "(== (< a b) c)"),
    # calls
    ("f()", "(f)"),
    ("f(a)", "(f a)"),
    ("f(a, b, key=c)", "(f a b key=c)"),
    ("f(a, b,)", "(f a b)"),
    ("f(g(a), h=g(b))", "(f (g a) h=(g b))"),
    ("f (a)", "(f a)"),
    ("repeat(x, f(8), n)", "(repeat x (f 8) n)"),
    ("scan(x, f(args), start, axis=0)", "(scan x (f args) start axis=0)"),
    ("share(h, b)", "(share h b)"),
    ("stop_gradient(x)", "(stop_gradient x)"),
    ("grad(J, w)", "(grad J w)"),
    ("dim(x, 1) / rank(x)", "(/ (dim x 1) (rank x))"),
    ("softmax(softmax)", "(softmax softmax)"),
    # passing on
    ("a -> f", "(->f a)"),
    ("a->f", "(->f a)"),
    ("a -> f(b)", "(->f a b)"),
    ("a ->  f(b)", "(->f a b)"),
    ("a -> f() -> g(k=1)", "(->g (->f a) k=1)"),
    ("x -> lstm(8)[0]", "(index (->lstm x 8) 0)"),
    ("x -> f[0]", "(index (->f x) 0)"),
    ("x -> f(b).T", "(T (->f x b))"),
    ("x -> f.T -> g", "(->g (T (->f x)))"),
    ("x -> f(y -> g)[i, 0].T", "(T (index (->f x (->g y)) i 0))"),
    ("a + b -> f", "(->f (+ a b))"),
    ("a < b -> f", "(< a (->f b))"),
    ("a -> f == b -> g", "(== (->f a) (->g b))"),
    ("(a -> f) + b", "(+ (->f a) b)"),
    ("not a -> f", "(not (->f a))"),
    # indices
    ("x[0]", "(index x 0)"),
    ("x[-1]", "(index x (- 1))"),
    ("x[:, 1:3]", "(index x :: 1:3:)"),
    ("x[..., -1]", "(index x ... (- 1))"),
    ("x[...]", "(index x ...)"),
    ("x[::2]", "(index x ::2)"),
    ("x[a:b:c]", "(index x a:b:c)"),
    ("x[a + 1 :]", "(index x (+ a 1)::)"),
    ("x[: n if c else m]", "(index x :(if c n m):)"),
    ("x[none, :]", "(index x #none ::)"),
    ("x[i]", "(index x i)"),
    ("x[0][1]", "(index (index x 0) 1)"),
    ("x[y[0]]", "(index x (index y 0))"),
    ("x[[0, 1]]", "(index x [0 1])"),
    ("x[0,]", "(index x 0)"),
    ("f(x)[0]", "(index (f x) 0)"),
    ("(a + b)[0]", "(index (+ a b) 0)"),
    ("-x[0]^2", "(- (^ (index x 0) 2))"),
    # .T and names with dots
    ("x.T", "(T x)"),
    ("x.T.T", "(T (T x))"),
    ("h.weight", "h.weight"),
    ("h.0.weight", "h.0.weight"),
    ("h.0", "h.0"),
    ("h.weight.T", "(T h.weight)"),
    ("h.0.weight.T @ x.T", "(@ (T h.0.weight) (T x))"),
    ("h.Tx", "h.Tx"),
    ("(x @ y).T", "(T (@ x y))"),
    ("x[0].T[1]", "(index (T (index x 0)) 1)"),
    # lists, strings, booleans, nothing
    ("[2, 3]", "[2 3]"),
    ("[]", "[]"),
    ("[[1, 2], [3, 4],]", "[[1 2] [3 4]]"),
    ("[a, b][0]", "(index [a b] 0)"),
    ("f(x, 'same', [1, 2], k=none, m=true, n=false)", "(f x 'same' [1 2] k=#none m=#t n=#f)"),
    ("einsum(\"ij->ji\", x)", "(einsum 'ij->ji' x)"),
    ("f('it is a + b, (')", "(f 'it is a + b, (')"),
    ("f(\"it's\")", '(f "it\'s")'),
    ("f('größe × 2')", "(f 'größe × 2')"),
    # choices
    ("a if c else b", "(if c a b)"),
    ("a if c else b if d else e", "(if c a (if d b e))"),
    ("(a if c else b) + 1", "(+ (if c a b) 1)"),
    ("a + 1 if c else b + 1", "(if c (+ a 1) (+ b 1))"),
    ("a if training and not bias else b", "(if (and training (not bias)) a b)"),
    ("a or b and not c", "(or a (and b (not c)))"),
    ("a and b and c", "(and (and a b) c)"),
    ("a and (b and c)", "(and a (and b c))"),
    ("(a or b) and c", "(and (or a b) c)"),
    ("not not a", "(not (not a))"),
    ("not a == b", "(not (== a b))"),
    ("a < b and b < c", "(and (< a b) (< b c))"),
    ("x -> f(8) if deep else x -> g", "(if deep (->f x 8) (->g x))"),
    ("z + shift if bias else z", "(if bias (+ z shift) z)"),
    # space
    ("  a\n +\tb ", "(+ a b)"),
    ("x ->\n f", "(->f x)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), FORMS)
def test_form(text: str, expected: str) -> None:
    assert show(parse(text)) == expected
    assert show(parse(text)) == expected  # and from the memo


@pytest.mark.parametrize("text", [text for text, _ in FORMS])
def test_canonical_text_has_the_same_tree(text: str) -> None:
    formula = parse(text)
    assert show(parse(write(formula))) == show(formula)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1/2*d ^2", "1 / 2 * d^2"),
        ("((a)+((b*c)))", "a + b * c"),
        ("(a->f(b)) [0]", "a -> f(b)[0]"),
        ("(a -> f()) + b", "(a -> f) + b"),
        ("(-x)**2", "(-x)^2"),
        ("x[ :: 2,1: 3,... ]", "x[::2, 1:3, ...]"),
        ("(a if b else c) if d else (e if f else g)", "(a if b else c) if d else e if f else g"),
        ('f(x,"same",k = none)', "f(x, 'same', k=none)"),
        ("(a-(b-c))", "a - (b - c)"),
        ("not (a and b)", "not (a and b)"),
        ("(a == b) == c", "(a == b) == c"),
        ("(2)[0]", "(2)[0]"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    assert write(parse(text)) == canonical


def test_spans() -> None:
    formula = parse("  w*(x + b_1)  ->  dense(8, k=w)[0].T")
    parts = {formula.source(node) for node in t.walk(formula.tree)}
    assert parts == {
        "w*(x + b_1)  ->  dense(8, k=w)[0].T",
        "w*(x + b_1)  ->  dense(8, k=w)[0]",
        "w*(x + b_1)  ->  dense(8, k=w)",
        "w*(x + b_1)",
        "x + b_1",
        "w",
        "x",
        "b_1",
        "8",
        "0",
    }
    (call,) = calls(formula)
    start, end = formula.token(call.callee)
    assert formula.text[start:end] == "dense"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("(a) + (b)", ["(a) + (b)", "a", "b"]),
        ("((a) or (b) or c)", ["(a) or (b) or c", "(a) or (b)", "a", "b", "c"]),
        ("a if (c) else (b)", ["a if (c) else (b)", "a", "c", "b"]),
        ("x[(a):, ...]", ["x[(a):, ...]", "x", "(a):", "a", "..."]),
        ("f('ö', b)", ["f('ö', b)", "'ö'", "b"]),
    ],
)
def test_spans_with_brackets(text: str, parts: list[str]) -> None:
    formula = parse(text)
    assert [formula.source(node) for node in t.walk(formula.tree)] == parts


def test_formulas_equal_up_to_names_share_their_tree() -> None:
    first = parse("relu(w1*x1 + a_longer_name.0.bias) -> dense(8, k=p) -> tanh")
    second = parse("relu(weight*x2 + b) -> dense(8, k=other) -> tanh")
    assert first.tree is second.tree
    assert second.names == ("weight", "x2", "b", "other")
    for formula in (first, second):
        assert [formula.source(node) for _, node in value_names(formula)] == list(formula.names)
        assert formula.source(formula.tree) == formula.text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("f(a)", "g(a)"),
        ("f(k=a)", "f(m=a)"),
        ("a + 1", "a + 2"),
        ("a -> f", "a -> g"),
        ("x.T", "x.b"),
        ("a + true", "a + b"),
        ("x['a']", "x['b']"),
    ],
)
def test_what_is_not_a_values_name_stays_apart(one: str, other: str) -> None:
    assert show(parse(one)) != show(parse(other))
    assert write(parse(one)) == one
    assert write(parse(other)) == other


def test_values_that_yaml_has_read() -> None:
    assert show(parse(3)) == "3"
    assert show(parse(-2.5)) == "-2.5"
    assert show(parse(True)) == "#t"
    assert parse(1000).source(parse(1000).tree) == "1000"
    assert write(t.Binary("^", parse(-2).tree, parse(2).tree, 0, 0)) == "(-2)^2"


def test_value_names_and_calls() -> None:
    formula = parse("f(a, g(b) + a) if c else a.0 -> h")
    assert [name for name, _ in value_names(formula)] == ["a", "b", "a", "c", "a.0"]
    assert [call.func for call in calls(formula)] == ["f", "g", "h"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu", "(->relu _)"),
        ("dense(32, relu)", "(->dense _ 32 relu)"),
        ("lstm(8)[0]", "(index (->lstm _ 8) 0)"),
        ("f.T", "(T (->f _))"),
        ("f(x -> g)[x, :].T", "(T (index (->f _ (->g x)) x ::))"),
        ("share(h)", "(->share _ h)"),
    ],
)
def test_stage(text: str, expected: str) -> None:
    formula = parse_stage(text)
    assert show(formula) == expected
    assert write(formula) == text
    assert formula.source(formula.tree) == text


def test_signature() -> None:
    text = "f(x, units=8, activation = none if a else [1, 2], eps=1e-5,)"
    signature = parse_signature(text)
    assert signature.name == "f"
    assert [name for name, _ in signature.args] == ["x", "units", "activation", "eps"]
    defaults = {name: default for name, default in signature.args if default is not None}
    assert [show(default) for default in defaults.values()] == ["8", "(if a #none [1 2])", "1e-05"]
    activation = defaults["activation"]
    assert activation.source(activation.tree) == "none if a else [1, 2]"
    assert activation.span(activation.tree) == (text.index("none"), text.index(", eps"))
    assert parse_signature("f()").args == ()


LONG = [" + ", " - ", " * ", " @ ", " -> ", " and ", " or "]


@pytest.mark.parametrize("sign", LONG)
@pytest.mark.parametrize("around", ["{}", "mean({}, axis=0)", "x[({}) : 2] < y", "-({})^2 + [1, k]"])
def test_long_chains_join_from_the_left(sign: str, around: str) -> None:
    chain = sign.join(f"a{k}" for k in range(200))
    formula = parse(around.replace("{}", chain))
    node = next(node for node in t.walk(formula.tree) if formula.source(node) == chain)
    for k in range(199, 0, -1):
        if isinstance(node, t.Call):
            assert node.func == f"a{k}"
            node = node.args[0]
        else:
            assert isinstance(node, t.Binary)
            assert node.op == sign.strip()
            assert formula.source(node.right) == f"a{k}"
            node = node.left
        assert formula.source(node) == sign.join(f"a{j}" for j in range(k))


@pytest.mark.parametrize("text", [text for text, _ in FORMS if text.count(" ") > 1])
def test_cutting_runs_changes_no_tree(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = tokenize(text)
    slots = convert.slot_tokens(tokens)
    whole = convert.to_tree(tokens, slots)
    monkeypatch.setattr(convert, "LONG", 0)
    assert convert.to_tree(tokens, slots) == whole


def test_long_chains_of_mixed_operators() -> None:
    terms = [
        f"{'-' if k % 3 == 0 else ''}w{k} * (x{k} + 1)^2 {'+' if k % 2 else '-'} {'*'.join(f'y{j}' for j in range(k % 120 + 1))}"
        for k in range(150)
    ]
    text = " + ".join(terms)
    formula = parse(text)
    assert formula.source(formula.tree) == text
    node = formula.tree
    for k in range(149, 0, -1):  # each term has one + or - of its own
        assert isinstance(node, t.Binary)
        assert node.op == ("+" if k % 2 else "-")
        assert formula.source(node.right) == "*".join(f"y{j}" for j in range(k % 120 + 1))
        node = node.left
        assert isinstance(node, t.Binary)
        assert node.op == "+"
        node = node.left
    assert write(formula) == write(parse(write(formula)))


def test_twenty_thousand_terms() -> None:
    before = sys.getrecursionlimit()
    formula = parse("mean(" + " + ".join(f"a{k}*b" for k in range(20_000)) + ") + 1")
    assert len(value_names(formula)) == 40_000
    assert len(write(formula)) > 20_000
    assert sys.getrecursionlimit() == before


@pytest.mark.parametrize(("left", "right"), [("(", ")"), ("[", "]"), ("f(", ")"), ("-(", ")"), ("(a+", ")*b"), ("x[", "]"), ("a^(", ")")])
def test_a_hundred_brackets(left: str, right: str) -> None:
    text = left * 100 + "x" + right * 100
    formula = parse(text)
    assert [name for name, _ in value_names(formula)].count("x") >= 1
    assert show(parse(write(formula))) == show(formula)


def test_many_formulas_that_differ_in_names_alone() -> None:
    texts = [f"relu({' + '.join(f'w{k}_{j}*n{k + j}' for j in range(10))} + b{k})" for k in range(2_000)]
    formulas = [parse(text) for text in texts]
    assert len({id(formula.tree) for formula in formulas}) == 1
    assert formulas[7].names[:3] == ("w7_0", "n7", "w7_1")
