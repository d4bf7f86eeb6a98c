"""The language server, asked by a real client over standard input and output."""

import json
import subprocess
import sys
import threading
from pathlib import Path
from queue import Empty, Queue

import pytest

from graphrun.cli.main import main

pytest.importorskip("pygls")

ROOT = Path(__file__).parents[2]
TEXT = """\
graphrun: 1
inputs: {x: {shape: [batch, 4]}, y: {shape: [batch], dtype: int64}}
params:
  W: {shape: [4, 3], init: he_normal()}
functions:
  twice(a): a * 2
nodes:
  # 𝒳 lies outside of the basic plane
  h: relu(x @ W)
  logits: h -> dense(3) -> twice
  J: mean(cross_entropy(logits, y))
loss: J
train: {optimizer: adam(lr=0.01), steps: 3}
"""


class Client:
    """Speaks JSON-RPC with `graphrun lsp`."""

    def __init__(self, folder):
        self.folder = folder
        code = "import sys; from graphrun.cli.main import main; sys.exit(main(['lsp']))"
        self.process = subprocess.Popen(
            [sys.executable, "-c", code], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self.messages: Queue = Queue()
        self.told: list = []
        self.number = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        stream = self.process.stdout
        while line := stream.readline():
            length = 0
            while line.strip():
                name, _, value = line.decode().partition(":")
                if name.lower() == "content-length":
                    length = int(value)
                line = stream.readline()
            self.messages.put(json.loads(stream.read(length)))

    def send(self, **message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def notify(self, method, params):
        self.send(method=method, params=params)

    def ask(self, method, params):
        self.number += 1
        self.send(id=self.number, method=method, params=params)
        while True:
            message = self._next()
            if message.get("id") == self.number and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self.told.append(message)

    def published(self):
        while True:
            message = self.told.pop(0) if self.told else self._next()
            if message.get("method") == "textDocument/publishDiagnostics":
                return message["params"]["diagnostics"]

    def _next(self):
        try:
            return self.messages.get(timeout=60)
        except Empty:
            pytest.fail("the server does not answer")

    def close(self):
        self.ask("shutdown", None)
        self.notify("exit", None)
        assert self.process.wait(60) == 0
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    found = Client(tmp_path_factory.mktemp("lsp"))
    about = found.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
    can = ("hover", "definition", "references", "completion", "codeAction")
    assert {f"{what}Provider" for what in can} <= set(about["capabilities"])
    found.notify("initialized", {})
    yield found
    found.close()


@pytest.fixture
def opened(client, tmp_path):
    uri = (tmp_path / "net.yaml").as_uri()
    client.notify("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": TEXT}})
    assert client.published() == []
    yield uri
    client.notify("textDocument/didClose", {"textDocument": {"uri": uri}})
    assert client.published() == []


def _position(text, word, offset=0):
    at = text.index(word) + offset
    line = text.count("\n", 0, at)
    start = text.rfind("\n", 0, at) + 1
    return {"line": line, "character": len(text[start:at].encode("utf-16-le")) // 2}


def _change(client, uri, text, version=2):
    client.notify("textDocument/didChange", {"textDocument": {"uri": uri, "version": version}, "contentChanges": [{"text": text}]})
    return client.published()


def _hover(client, uri, position):
    found = client.ask("textDocument/hover", {"textDocument": {"uri": uri}, "position": position})
    return found and found["contents"]["value"]


def test_faults_as_one_types_with_a_quick_fix(client, opened):
    broken = TEXT.replace("x @ W", "x @ V").replace("train:", "trian:")
    found = _change(client, opened, broken)
    assert [(d["code"], d["severity"]) for d in found] == [("unknown-name", 1), ("unknown-key", 1)]
    assert found[0]["range"] == {"start": _position(broken, "V)"), "end": _position(broken, "V)", 1)}
    actions = client.ask(
        "textDocument/codeAction", {"textDocument": {"uri": opened}, "range": found[1]["range"], "context": {"diagnostics": [found[1]]}}
    )
    (edit,) = actions[0]["edit"]["changes"][opened]
    assert edit == {"range": found[1]["range"], "newText": "train"}
    assert _change(client, opened, TEXT, 3) == []


@pytest.mark.parametrize(
    ("word", "offset", "expected"),
    [
        ("x @ W", 0, "**x**: input, `float64 [batch, 4]`"),
        ("@ W", 2, "**W**: parameter, `float64 [4, 3]`"),
        ("logits, y", 0, "**logits**: node, `float64 [batch, 3]`\n\n`logits: h -> dense(3) -> twice`"),
        ("twice\n", 0, "```yaml\ntwice(a): a * 2\n```\ntwice, from net.yaml"),
    ],
)
def test_hover(word, offset, expected, client, opened):
    assert _hover(client, opened, _position(TEXT, word, offset)) == expected


def test_hover_on_an_operation_and_on_the_library(client, opened):
    assert _hover(client, opened, _position(TEXT, "relu(")).startswith("`relu(x)`")
    assert _hover(client, opened, _position(TEXT, "dense(")).startswith("```yaml\ndense(x, units, activation=none, bias=true): ")
    assert _hover(client, opened, _position(TEXT, "graphrun: 1", 10)) is None


def test_hover_shows_the_last_run(client, opened):
    assert main(["train", str(ROOT / "specs" / "neuron.yaml"), "--out", str(client.folder / "outputs" / "neuron"), "--quiet"]) == 0
    text = (ROOT / "specs" / "neuron.yaml").read_text()
    _change(client, opened, text)
    assert _hover(client, opened, _position(text, "c: w * x")) == (
        "**c**: node, `float64 []`\n\n`c: w * x`\n\nin outputs/neuron/ledger.json: value `-4.0`, ∂ `2.0`"
    )


def test_what_is_known_stays_while_a_formula_is_broken(client, opened):
    assert _change(client, opened, TEXT.replace("relu(x @ W)", "relu(x @ "))
    assert _hover(client, opened, _position(TEXT, "logits, y")).startswith("**logits**: node")


def test_definition_and_references(client, opened):
    def ask(what, word, offset=0, **more):
        where = {"textDocument": {"uri": opened}, "position": _position(TEXT, word, offset), **more}
        return client.ask(f"textDocument/{what}", where)

    assert ask("definition", "@ W", 2)["range"]["start"] == _position(TEXT, "  W:", 2)
    assert ask("definition", "twice\n")["range"]["start"] == _position(TEXT, "  twice(a)", 2)
    assert ask("definition", "dense(")["uri"].endswith("/graphrun/library/layers.yaml")
    assert [r["range"]["start"] for r in ask("references", "logits, y", context={"includeDeclaration": True})] == [
        _position(TEXT, "logits:"),
        _position(TEXT, "logits, y"),
    ]


def _labels(client, uri, position):
    return {item["label"] for item in client.ask("textDocument/completion", {"textDocument": {"uri": uri}, "position": position})}


def test_completion(client, opened):
    _change(client, opened, TEXT + "  \n")
    formula = _labels(client, opened, _position(TEXT, "mean(cross", 5))
    assert {"x", "W", "h", "logits", "dense", "twice", "relu", "cross_entropy"} <= formula
    assert {"steps", "epochs", "optimizer", "batch"} <= _labels(client, opened, _position(TEXT, "steps: 3"))
    assert "train" not in formula
    text = TEXT + "data:\n  \n"
    _change(client, opened, text, 3)
    assert {"source", "rows", "columns"} <= _labels(client, opened, {"line": text.count("\n") - 1, "character": 2})
    text = TEXT.replace("mean(cross_entropy(logits, y))", "mean(logits.)")
    _change(client, opened, text, 4)
    assert {"weight", "bias"} <= _labels(client, opened, _position(text, "logits.)", 7))
    assert {"adam", "sgd"} <= _labels(client, opened, _position(TEXT, "adam(", 1))


SCOPES = """\
graphrun: 1
inputs: {x: {shape: [batch, 4]}, y: {shape: [batch]}}
params: {w: {shape: [4], init: normal()}}
functions:
  # k times the rows
  f(x, k=2):
    params: {w: {shape: [dim(x)], init: 1}}
    nodes: {z: x * w * k}
    returns: relu(z)

  # the next one
  g(a): a * w[0]
optimizers:
  plain(lr):
    update: param - lr * grad
nodes:
  h: sum(f(x, k=3), axis=-1) + g(y)
  J: mean((x @ w + h)^2)
loss: J
train: {optimizer: plain(lr=0.1), steps: 3}
"""


def test_names_of_a_function_shadow_those_of_the_graph(client, opened):
    assert _change(client, opened, SCOPES) == []

    def ask(what, word, offset=0, **more):
        where = {"textDocument": {"uri": opened}, "position": _position(SCOPES, word, offset), **more}
        return client.ask(f"textDocument/{what}", where)

    def places(word, offset=0):
        return [r["range"]["start"] for r in ask("references", word, offset, context={"includeDeclaration": True})]

    assert _hover(client, opened, _position(SCOPES, "x * w")) == "**x**: argument of `f(x, k=2)`"
    assert _hover(client, opened, _position(SCOPES, "w * k")) == "**w**: parameter of `f(x, k=2)`"
    assert _hover(client, opened, _position(SCOPES, "z)")) == "**z**: node of `f(x, k=2)`\n\n`z: x * w * k`"
    assert _hover(client, opened, _position(SCOPES, "w[0]")) == "**w**: parameter, `float64 [4]`"
    assert _hover(client, opened, _position(SCOPES, "grad\n")) == "**grad**: its gradient, in `plain(lr)`"
    assert _hover(client, opened, _position(SCOPES, "f(x, k=3)")).endswith("```\nk times the rows\n\nf, from net.yaml")
    assert "next" not in _hover(client, opened, _position(SCOPES, "f(x, k=3)"))
    assert ask("definition", "x * w")["range"]["start"] == _position(SCOPES, "f(x, k=2)", 2)
    assert ask("definition", "w * k")["range"]["start"] == _position(SCOPES, "w: {shape: [dim")
    assert ask("definition", "w[0]")["range"]["start"] == _position(SCOPES, "w: {shape: [4]")
    assert ask("definition", "grad\n") is None
    assert places("x @ w") == [_position(SCOPES, w) for w in ("x: {", "x, k=3", "x @ w")]
    assert places("x * w") == [_position(SCOPES, w) for w in ("x, k=2", "x)], init", "x * w")]
    inner = {item["label"]: item["detail"] for item in ask("completion", "x * w")}
    assert inner["k"] == inner["x"] == "argument of f(x, k=2)"
    assert inner["w"] == "parameter of f(x, k=2)"
    assert inner["y"] == "input [batch]"


def test_signatures_hold_what_may_be_written(client, opened):
    text = TEXT.replace("he_normal()", "normal()").replace("mean(cross", "mean(exp(0) * cross")
    _change(client, opened, text)
    assert _hover(client, opened, _position(text, "normal(")).startswith("`normal(shape, mean=0.0, std=1.0)`")
    assert _hover(client, opened, _position(text, "exp(")).startswith("`exp(x)`")


def test_changes_in_a_row_are_told_together(client, opened):
    for version in range(2, 12):
        body = {"textDocument": {"uri": opened, "version": version}, "contentChanges": [{"text": TEXT.replace("x @ W", f"x @ V{version}")}]}
        client.notify("textDocument/didChange", body)
    told = [client.published()[0]["message"]]
    while "`V11`" not in told[-1]:
        told.append(client.published()[0]["message"])
    assert len(told) < 10
    assert _change(client, opened, TEXT, 12) == []


@pytest.mark.parametrize(
    ("written", "offered"),
    [
        ("expect:\n  - val", "gradients"),
        ("expect:\n  - inputs: {x: 3}\n    ", "gradients"),
        ("expect:\n  - values: {", "logits"),
        ("expect:\n  - values:\n      ", "logits"),
        ("expect:\n- ", "after_steps"),
        ("expect:\n- inputs: {x: 3}\n- ", "after_steps"),
        ("expect:\n- inputs:\n    x: 3\n  ", "after_steps"),
        ("data:\n  split: {", "stratify"),
    ],
)
def test_completion_in_lists_and_within_braces(written, offered, client, opened):
    text = TEXT + written
    _change(client, opened, text)
    line = written.rpartition("\n")[2]
    assert offered in _labels(client, opened, {"line": text.count("\n"), "character": len(line)})
