"""The language against PyTorch's own operation database: all samples in `make conformance`, the first of each in `make test`."""

import re
from collections import Counter

import pytest

from graphrun.build.static import SPECIALS
from graphrun.ops.registry import OPS

pytest.importorskip("torch")
pytest.importorskip("expecttest")

from conformance_compare import Entry, Tally, run
from conformance_table import TABLE

LEAST = 120  # operations

# operations that PyTorch's database does not have, or has without a result to compare
WITHOUT = {
    "stop_gradient": "`detach` is not in the database; see tests/ops/test_kinks.py",
    "dropout": "random",
    "normal": "random",
    "uniform": "random",
    "bernoulli": "random",
    "truncated_normal": "random",
    "orthogonal": "random",
}
FORMS = {"split", "sort", "topk", "qr", "einsum", "slice"}


@pytest.fixture(scope="module")
def database():
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db
    return {".".join(filter(None, (op.name, op.variant_test_name))): op for op in op_db}


def meant(name):
    """The operation of the language that an entry is about."""
    entry = TABLE[name]
    return entry.of or re.match(r"\w+", entry.formula).group()


def test_every_operation_is_in_the_table():
    covered = {meant(name) for name in TABLE}
    wanted = {name for name, op in OPS.items() if op.public} | FORMS
    assert wanted - covered == set(WITHOUT)
    assert set(SPECIALS) >= FORMS


@pytest.mark.parametrize("name", list(TABLE))
def test_the_first_samples(name, database):
    """The two first samples that the language has."""
    tally = run(name, TABLE[name], database[name], most=2)
    assert tally.wrong == []
    assert tally.compared


@pytest.mark.parametrize(
    ("formula", "what"),
    [("sinh({input})", "result 0 is"), ("sin(stop_gradient({input}))", "gradient of x0 is"), ("sum(sin({input}))", "result 0 has shape"),
     ("sine({input})", "there is no function called `sine`")],
)  # fmt: skip
def test_what_is_wrong_is_noticed(formula, what, database):
    (found,) = run("sin", Entry(formula), database["sin"], most=1).wrong
    assert what in found


def test_what_the_language_lacks_is_counted(database):
    tally = run("add", TABLE["add"], database["add"], most=11)
    assert (tally.compared, dict(tally.skipped)) == (9, {"a factor `alpha` of the second operand": 2})


@pytest.mark.slow
def test_all_samples(database, capsys):
    tallies = [run(name, TABLE[name], database[name]) for name in TABLE]
    with capsys.disabled():
        print("\n\n" + report(tallies))
    assert [f"{t.name}: {w}" for t in tallies for w in t.wrong] == []
    assert sum(t.compared > 0 for t in tallies) >= LEAST


def report(tallies: list[Tally]) -> str:
    """The table: operation, samples compared, entries of gradients, samples outside the language with the reason."""
    width = max(len(t.name) for t in tallies)
    lines = [f"{'operation':<{width}}  samples  entries of gradients  outside the language"]
    for t in tallies:
        outside = "; ".join(f"{count} × {reason}" for reason, count in t.skipped.most_common())
        wrong = f"  WRONG: {len(t.wrong)}" if t.wrong else ""
        lines.append(f"{t.name:<{width}}  {t.compared:7}  {t.entries:20}  {outside}{wrong}".rstrip())
    reasons: Counter[str] = Counter()
    for t in tallies:
        reasons += t.skipped
    ours = {meant(t.name) for t in tallies if t.compared}
    lines.append(
        f"\n{sum(t.compared > 0 for t in tallies)} operations of PyTorch's, {len(ours)} of the language, "
        f"{sum(t.compared for t in tallies)} samples, {sum(t.entries for t in tallies)} entries of gradients, "
        f"{sum(len(t.wrong) for t in tallies)} wrong"
    )
    lines.append(f"{sum(reasons.values())} samples outside the language:")
    lines += [f"  {count:6}  {reason}" for reason, count in reasons.most_common()]
    return "\n".join(lines)
