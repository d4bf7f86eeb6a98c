"""Each lint beside a spec that is nearly the same and gives none."""

import textwrap

import pytest

from graphrun.codes import catalogue
from graphrun.codes import lint as codes
from graphrun.codes.base import Code
from graphrun.model.validation import check_text


def told(text: str) -> list[tuple[str, int, int]]:
    """Code, line and column of all that is told of a spec."""
    found = check_text("graphrun: 1\n" + textwrap.dedent(text), "s.yaml").diagnostics
    return [(d.code, d.place.line, d.place.column) if d.place else (d.code, 0, 0) for d in found]


CLASSES = """\
inputs: {x: {shape: [batch, 4]}, label: {shape: [batch], dtype: int64}}
params: {w: {shape: [4, 3], init: he_normal()}}
nodes:
  z: x @ w
"""
HIDDEN = """\
inputs: {x: {shape: [batch, 4]}, y: {shape: [batch]}}
params:
  w: {shape: [4, 3], init: %s}
  b: {shape: [3], init: %s}
  v: {shape: [3, 1], init: %s}
nodes:
  h: %s(x @ w + b)
  p: squeeze(h @ v, axis=-1)
loss: mean((p - y)^2)
"""
LOGITS = """\
inputs: {x: {shape: [batch, 4]}, y: {shape: [batch]}}
params: {w: {shape: [4], init: "normal(std=0.1)"}}
nodes:
  p: %s
loss: mean(binary_cross_entropy_with_logits(p, y))
"""
COLUMN = """\
inputs: {x: {shape: [batch, 4]}, y: {shape: [batch]}}
params: {w: {shape: [4, 1], init: he_normal()}}
nodes:
  p: x @ w
  e: %s
loss: mean(e^2)
"""
TRAINED = "inputs: {x: 1}\nparams: {w: 2}\nnodes: {J: (w * x)^2}\nloss: J\nconfig: {rate: 5}\ntrain: {steps: 1, optimizer: %s}\n"
OWN = """\
functions:
  own(p): mean(cross_entropy(p, label))
"""
NORMAL = '"normal(0, 0.1)"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("inputs: {x: 1}\nnodes:\n  y: 2 * x\n  z: x + 1\noutputs: [y]\n", ("unused-node", 5, 3)),
        ("inputs: {x: 1}\nnodes:\n  y: 2 * x\n  z: x + 1\n  q: z^2\noutputs: [y]\nexpect: [{values: {q: 4}}]\n", None),
        ("inputs: {x: 1}\nnodes:\n  y: 2 * x\n  z: x + 1\n", None),
        ("inputs: {x: 1}\nfunctions: {f(a): a + z}\nnodes:\n  y: f(x)\n  z: x + 1\noutputs: [y]\n", None),
        ("inputs: {x: [1, 2]}\nnodes:\n  y: x / size(z)\n  z: x + 1\noutputs: [y]\n", None),
        (CLASSES + "  p: softmax(z)\nloss: mean(cross_entropy(p, label))\n", ("softmax-before-cross-entropy", 7, 12)),
        (CLASSES + "  p: log_softmax(z)\n  J: mean(cross_entropy(p, label))\nloss: J\n", ("softmax-before-cross-entropy", 7, 11)),
        (CLASSES + "  p: softmax(z)\nloss: mean(cross_entropy(z, label))\n", None),
        *[
            (CLASSES + f"  p: {p}\n  J: mean(cross_entropy({q}, label))\nloss: J\n", ("softmax-before-cross-entropy", 7, 11))
            for p, q in (
                ("z -> dense(3) -> softmax", "p"),
                ("dense(z, 3, softmax)", "p"),
                ("z -> dense(6) -> reshape([batch, 2, 3]) -> softmax", "reshape(p, [batch, 6])"),
                ("softmax(z)", "p[:, :]"),
                ("exp(z) / sum(exp(z), axis=-1, keepdims=true)", "p"),
            )
        ],
        (CLASSES + "  p: softmax(z)\nloss: mean(cross_entropy(p, label, label_smoothing=0.1))\n", ("softmax-before-cross-entropy", 7, 12)),
        (CLASSES + "  J: own(softmax(z))\nloss: J\n" + OWN, ("softmax-before-cross-entropy", 9, 16)),
        (CLASSES + "  h: softmax(z)\n  p: h -> dense(3)\nloss: mean(cross_entropy(p, label))\n", None),
        (CLASSES + "  p: sigmoid(z) * z\nloss: mean(cross_entropy(p, label))\n", None),
        (CLASSES + "  J: mean(nll(log_softmax(z), label))\nloss: J\n", None),
        (CLASSES + "  J: mean(nll(log(softmax(z) + 1e-9), label))\nloss: J\n", None),
        (CLASSES + "  J: mean(nll(softmax(z), label))\nloss: J\n", ("nll-of-no-logarithm", 6, 11)),
        (CLASSES + "  J: mean(nll(z, label))\nloss: J\n", ("nll-of-no-logarithm", 6, 11)),
        (CLASSES + "  J: z -> dense(3) -> nll(label) -> mean\nloss: J\n", ("nll-of-no-logarithm", 6, 6)),
        (LOGITS.replace("_with_logits", "") % "x @ w", ("binary-cross-entropy-of-logits", 6, 12)),
        (LOGITS.replace("_with_logits", "") % "tanh(x @ w)", ("binary-cross-entropy-of-logits", 6, 12)),
        (LOGITS.replace("_with_logits", "") % "sigmoid(x @ w)", None),
        (LOGITS.replace("_with_logits", "") % "softmax(x @ w, axis=0)", None),
        (LOGITS.replace("_with_logits", "") % "clip(x @ w, 0.001, 0.999)", None),
        (LOGITS % "relu(x @ w)", ("relu-before-loss", 6, 12)),
        (CLASSES + "  J: z -> dense(3, relu) -> cross_entropy(label) -> mean\nloss: J\n", ("relu-before-loss", 6, 6)),
        (CLASSES + "  J: z -> dense(3, relu) -> dense(3) -> cross_entropy(label) -> mean\nloss: J\n", None),
        (CLASSES + "  J: z -> dense(3) -> dropout -> cross_entropy(label) -> mean\nloss: J\n", ("dropout-before-loss", 6, 6)),
        (LOGITS % "dropout(x @ w, 0.2)", ("dropout-before-loss", 6, 12)),
        (CLASSES + "  J: z -> dropout -> dense(3) -> cross_entropy(label) -> mean\nloss: J\n", None),
        (LOGITS % "sigmoid(x @ w)", ("sigmoid-before-logits-loss", 6, 12)),
        (LOGITS % "1 / (1 + exp(-x @ w))", ("sigmoid-before-logits-loss", 6, 12)),
        (LOGITS.replace("p, y", "p, sigmoid(y)") % "x @ w", None),
        (LOGITS % "x @ w", None),
        (CLASSES + "  c: argmax(z)\n", ("argmax-over-batch", 6, 6)),
        (CLASSES + "  c: argmin(relu(z))\n", ("argmax-over-batch", 6, 6)),
        (CLASSES + "  c: argmax(z, axis=-1)\n", None),
        ("inputs: {x: [[1, 2], [3, 4]]}\nnodes: {c: argmax(x)}\n", None),
        (COLUMN % "p - y", ("accidental-broadcast", 6, 6)),
        (COLUMN % "y - p", ("accidental-broadcast", 6, 6)),
        (COLUMN % "squeeze(p, axis=-1) - y", None),
        (COLUMN % "expand_dims(y, -1) - squeeze(p, axis=-1)", None),
        (COLUMN % "p - mean(y)", None),
        (COLUMN % "where(y > 0, p, 0)", ("accidental-broadcast", 6, 6)),
        (COLUMN % "p - p.T", None),
        (TRAINED % "adam(lr=1.5)", ("unusual-learning-rate", 7, 38)),
        (TRAINED % "sgd(-0.1)", ("unusual-learning-rate", 7, 34)),
        (TRAINED % "sgd(lr=0)", ("unusual-learning-rate", 7, 37)),
        (TRAINED % "adam(lr=rate)", ("unusual-learning-rate", 7, 38)),
        *[
            (TRAINED % f'"adam(lr={lr})"', ("unusual-learning-rate", 7, 39))
            for lr in ("warmup(cosine(3), 2)", "one_cycle(max_lr=3)", "10 * 0.9 ^ step", "rate / 2", "linear(lr=-1)")
        ],
        *[(TRAINED % f'"adam(lr={lr})"', None) for lr in ("1e-3 * cosine(1)", "step / 100", "linear(1e-3)")],
        (TRAINED % "adam(lr=0.1), per_parameter: {w: {lr: 30}}", ("unusual-learning-rate", 7, 68)),
        (TRAINED % "adam(lr=0.1), per_parameter: {w: {lr: 0}}", None),
        (TRAINED % '"adam(lr=0.1)"', None),
        (TRAINED % "sgd(lr=1.5)", None),
        (TRAINED % "sgd()", None),
        (HIDDEN % (0, 0, "he_normal()", "relu"), ("dead-relu", 8, 6)),
        (HIDDEN % ("zeros()", "zeros()", "he_normal()", "relu"), ("dead-relu", 8, 6)),
        (HIDDEN % (0, 0.1, "he_normal()", "relu"), None),
        (HIDDEN % (0, -1, "he_normal()", "relu"), ("dead-relu", 8, 6)),
        (HIDDEN % ("he_normal()", 0, "he_normal()", "relu"), None),
        (HIDDEN % ("he_normal()", 0, 0, "relu"), None),
        (HIDDEN % (0, 0, "he_normal()", "leaky_relu"), None),
        (
            HIDDEN.replace("x @ w + b", "x @ w + b + g * dense(x, 3)").replace("params:", "params:\n  g: {shape: [3], init: 0}")
            % ("he_normal()", 0, "he_normal()", "relu"),
            None,
        ),
        (HIDDEN % (0, 0, "he_normal()", "tanh"), None),
        (HIDDEN % (0.1, 0, 0.1, "tanh"), ("symmetric-initialization", 4, 3)),
        (HIDDEN % ("ones()", 0.5, 0, "sigmoid"), ("symmetric-initialization", 4, 3)),
        (HIDDEN % (0.1, 0, "he_normal()", "tanh"), None),
        (HIDDEN % (0.1, NORMAL, 0.1, "tanh"), None),
        (HIDDEN % ("he_normal()", 0, 0.1, "tanh"), None),
        (HIDDEN % ('"normal(0, 8)"', 0, "he_normal()", "tanh"), ("saturated-initialization", 4, 3)),
        (HIDDEN % ('"uniform(-20, 20)"', 0, "he_normal()", "sigmoid"), ("saturated-initialization", 4, 3)),
        (HIDDEN % ("he_normal()", 30, "he_normal()", "sigmoid"), ("saturated-initialization", 5, 3)),
        (HIDDEN % ("glorot_normal(gain=50)", 0, "he_normal()", "tanh"), ("saturated-initialization", 4, 3)),
        (HIDDEN % ("he_normal()", '"normal(50, 1)"', "he_normal()", "tanh"), ("saturated-initialization", 5, 3)),
        (HIDDEN.replace("x @ w + b", "layer_norm(x @ w + b)") % ('"normal(0, 8)"', 0, "he_normal()", "tanh"), None),
        (HIDDEN.replace("x @ w + b", "x @ w / 20 + b") % ('"normal(0, 8)"', 0, "he_normal()", "tanh"), None),
        (HIDDEN % ('"normal(0, 8)"', 0, "he_normal()", "relu"), None),
        (HIDDEN % ("normal()", 0, "he_normal()", "tanh"), None),
        (HIDDEN % ("he_normal()", 5, "he_normal()", "sigmoid"), None),
    ],
)
def test_a_lint_is_told_at_its_place_and_its_neighbour_is_not(text, expected):
    assert told(text) == ([] if expected is None else [expected])


def data(tmp_path, more=""):
    (tmp_path / "t.csv").write_text("id,x,note,y\n1,2,3,4\n2,3,4,5\n3,1,1,1\n", encoding="utf-8")
    text = f"graphrun: 1\ninputs: {{x: {{}}, y: {{}}}}\nnodes: {{d: x - y}}\ndata:\n  source: t.csv\n{more}"
    return [d.to_text() for d in check_text(text, str(tmp_path / "s.yaml")).diagnostics]


def test_columns_that_nothing_uses_are_told_in_one_line(tmp_path):
    (found,) = data(tmp_path)
    assert "s.yaml:5:3 warning unused-column: nothing uses these columns of the data: `id`, `note`\n" in found


@pytest.mark.parametrize("more", ["  split: {train: 2, valid: 1, stratify: id}\n", ""])
def test_a_column_of_the_split_is_used(tmp_path, more):
    assert ["`id`" in text for text in data(tmp_path, more)] == [not more]


def test_a_lint_is_allowed_by_comment():
    text = TRAINED % "adam(lr=1.5)"
    assert told(text[:-1] + "  # graphrun: allow unusual-learning-rate: a test\n") == []


def test_no_lint_is_told_beside_errors():
    assert told(TRAINED % "adam(lr=1.5)" + "metrics: {m: nothing}\n") == [("unknown-name", 8, 14)]


def test_every_lint_is_documented_and_tested():
    names = {k for k, v in vars(codes).items() if isinstance(v, type) and issubclass(v, Code) and v is not Code}
    (mark, *_) = test_a_lint_is_told_at_its_place_and_its_neighbour_is_not.pytestmark
    seen = {expected[0] for _, expected in mark.args[1] if expected} | {"unused-column"}
    assert len(seen) == len(names)
    assert seen <= set(catalogue())


def test_what_each_step_of_a_scan_does_is_told_once():
    text = "inputs: {x: {shape: [5, 3]}, c: {shape: [3, 1]}}\nfunctions:\n  cell(h, t): h + mean(t - c)\nnodes:\n  h: scan(x, cell, 0)\n"
    assert told(text) == [("accidental-broadcast", 4, 24)]
