"""What a spec says, as frozen models. Formulas stay texts here; `Spec` tells where each stands.

The models check structure: keys, kinds of values, ranges. Names, shapes and types are checked when the graph is built.
The descriptions and examples here become the JSON Schema.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Tag

from graphrun.spec.kinds import (
    BY_MAPPING,
    MAPPING,
    OTHER,
    ConfigValue,
    Count,
    DTypeName,
    Flag,
    Formulas,
    FormulaText,
    Fraction,
    InitValue,
    MetricBound,
    NameList,
    NonNegative,
    Number,
    Percentage,
    PositiveCount,
    PositiveNumber,
    RowList,
    Seed,
    Shape,
    ShapeList,
    Text,
    TextOrTexts,
    Values,
    guard,
)

__all__ = [
    "CheckpointModel",
    "ClipModel",
    "DataModel",
    "DiagramModel",
    "EarlyStopModel",
    "EvalModel",
    "ExpectModel",
    "FunctionModel",
    "InputModel",
    "LogModel",
    "Model",
    "OptimizerModel",
    "ParamModel",
    "SlotModel",
    "SpecModel",
    "SplitModel",
    "StateModel",
    "TextModel",
    "TrainModel",
]


class Model(BaseModel):
    """A mapping with a closed set of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, defer_build=True)


class InputModel(Model):
    """`{shape, dtype, default}`. A number or list in its place is a default; `{}` is a scalar."""

    shape: Shape = Field(
        (), description="Sizes: whole numbers, `config` names and arithmetic on them, `batch`, names in `dims`.", examples=[["batch", 64]]
    )
    dtype: DTypeName | None = Field(None, description="The spec's `dtype` where not given.", examples=["int64"])
    default: Values | None = Field(None, description="What is fed where neither a feed nor a column gives a value.", examples=[0])


InputEntry = Annotated[
    Annotated[InputModel, Tag(MAPPING)] | Annotated[Values, Tag(OTHER)],
    BY_MAPPING,
    guard("a number, a list of numbers or `{shape, dtype, default}`", "number", "bool", "list", "mapping"),
]


class ParamModel(Model):
    """`{shape, init, trainable}`. A number or list in its place is the initial value."""

    shape: Shape | None = Field(None, description="Sizes; those of `init` where not given.", examples=[["dim(x)", "units"]])
    init: InitValue = Field(description="The initial value: a number, a nested list or an initializer call.", examples=["he_normal()", 0])
    trainable: Flag = Field(True, description="Whether training changes it.", examples=[False])


ParamEntry = Annotated[
    Annotated[ParamModel, Tag(MAPPING)] | Annotated[Values, Tag(OTHER)],
    BY_MAPPING,
    guard("a number, a list of numbers or `{shape, init, trainable}`", "number", "bool", "list", "mapping"),
]


class StateModel(Model):
    """`{shape, init, update}`: not trained, updated after each training step."""

    shape: Shape | None = Field(None, description="Sizes; those of `init` where not given.", examples=[["dim(x)"]])
    init: InitValue = Field(description="The value before the first step.", examples=[0])
    update: FormulaText = Field(description="The new value, over the values of a training forward pass.", examples=["seen + 1"])


class FunctionModel(Model):
    """`{params, state, nodes, returns}`. A formula in its place is `returns`. With parameters of its own it is a layer."""

    params: dict[str, ParamEntry] = Field(
        {},
        description="Parameters of the layer: name → number, list or `{shape, init, trainable}`.",
        examples=[{"weight": {"shape": ["dim(x)", "units"], "init": "he_normal()"}}],
    )
    state: dict[str, StateModel] = Field(
        {}, description="State of the layer: name → `{shape, init, update}`.", examples=[{"seen": {"init": 0, "update": "seen + 1"}}]
    )
    nodes: dict[str, Formulas] = Field({}, description="Name → formula; a list is a chain.", examples=[{"z": "x @ weight + bias"}])
    returns: Formulas = Field(description="What a call gives: a formula, or a list of values.", examples=["relu(z)"])


FunctionEntry = Annotated[
    Annotated[FunctionModel, Tag(MAPPING)] | Annotated[Formulas, Tag(OTHER)],
    BY_MAPPING,
    guard("a formula, or a mapping with `params`, `nodes`, `returns`", "text", "number", "bool", "list", "mapping"),
]


class SlotModel(Model):
    """A state of an optimizer: `{init, update}`; its shape is the parameter's."""

    init: FormulaText = Field(0, description="The value before the first step.", examples=[0])
    update: FormulaText = Field(description="The new value; it sees the new values of the states above it.", examples=["beta * v + grad"])


class OptimizerModel(Model):
    """`{state, nodes, update}`: once for each parameter, over `param`, `grad`, `step`, `steps`."""

    state: dict[str, SlotModel] = Field(
        {}, description="Name → `{init, update}`, computed first and in order.", examples=[{"v": {"init": 0, "update": "beta * v + grad"}}]
    )
    nodes: dict[str, FormulaText] = Field({}, description="Name → formula, over the new state.", examples=[{"move": "lr * v"}])
    update: FormulaText = Field(description="The parameter's new value.", examples=["param - lr * grad"])


class SplitModel(Model):
    """`{train, valid, test}` as fractions or counts, `seed`, `stratify`; or `by: column`."""

    train: Fraction | None = Field(None, description="Share of the training rows: a fraction or a count.", examples=[0.8])
    valid: Fraction | None = Field(None, description="Share of the validation rows.", examples=[0.2])
    test: Fraction | None = Field(None, description="Share of the test rows.", examples=[50])
    seed: Seed = Field(0, description="Which rows go where follows from it.", examples=[0])
    stratify: Text | None = Field(None, description="A column whose classes are spread evenly over the splits.", examples=["species"])
    by: Text | None = Field(None, description="A column whose cells say train, valid or test.", examples=["part"])


class TextModel(Model):
    """`{level, context, stride}` of a text file."""

    level: Literal["char", "byte"] = Field("char", description="What a token is.", examples=["char"])
    context: PositiveCount = Field(description="Tokens of a window.", examples=[64])
    stride: PositiveCount = Field(1, description="Tokens from one window to the next.", examples=[1])


SourceEntry = Annotated[
    Annotated[dict[str, TextOrTexts], Tag(MAPPING)] | Annotated[TextOrTexts, Tag(OTHER)],
    BY_MAPPING,
    guard("a path, a list of paths or `{train: path, test: path}`", "text", "list", "mapping"),
]
ColumnsEntry = Annotated[
    Annotated[dict[str, TextOrTexts], Tag(MAPPING)] | Annotated[NameList, Tag(OTHER)],
    BY_MAPPING,
    guard("a list of columns, or a mapping input → column", "list", "mapping"),
]


class DataModel(Model):
    """Where rows come from and how columns become inputs."""

    source: SourceEntry | None = Field(
        None, description="Path, glob or list of them; or split → path.", examples=["digits.csv", {"train": "a.csv", "test": "b.csv"}]
    )
    rows: RowList | None = Field(None, description="The rows themselves, in place of `source`.", examples=[[[1, 2, 5], [2, -1, 5]]])
    columns: ColumnsEntry | None = Field(
        None,
        description="Input → column, list of columns, range `a..b` or pattern; or a list, when inputs and columns have the same names.",
        examples=[{"x": "pixel_*", "label": "digit"}, ["x1", "x2", "y"]],
    )
    classes: dict[str, NameList] = Field(
        {}, description="Column of strings → its classes in order.", examples=[{"species": ["setosa", "virginica"]}]
    )
    split: SplitModel | None = Field(None, description="How the rows are divided.", examples=[{"train": 0.8, "valid": 0.2, "seed": 0}])
    transform: dict[str, Text] = Field(
        {}, description="Input → formula over that input with all its rows on axis 0; statistics are those of the training rows.",
        examples=[{"x": "standardize(x)"}],
    )  # fmt: skip
    text: TextModel | None = Field(None, description="How a text file is cut into windows.", examples=[{"level": "char", "context": 64}])


class CheckpointModel(Model):
    """`{every, keep, best}`."""

    every: PositiveCount | None = Field(None, description="Steps from one checkpoint to the next.", examples=[100])
    keep: PositiveCount | None = Field(None, description="How many are kept.", examples=[3])
    best: Text | None = Field(None, description="The number whose best checkpoint is kept besides.", examples=["valid.loss"])


class EarlyStopModel(Model):
    """`{watch, patience, min_delta, mode}`."""

    watch: Text = Field(description="The number that is watched.", examples=["valid.loss"])
    patience: PositiveCount = Field(description="How many validations without improvement end the training.", examples=[5])
    min_delta: Number = Field(0.0, description="An improvement smaller than this does not count.", examples=[0.001])
    mode: Literal["min", "max"] = Field("min", description="Whether smaller or larger is better.", examples=["max"])


class ClipModel(Model):
    """`{norm}` or `{value}`."""

    norm: PositiveNumber | None = Field(None, description="Bound of the gradients' global norm.", examples=[1.0])
    value: PositiveNumber | None = Field(None, description="Bound of each element of the gradients.", examples=[0.5])


ClipEntry = Annotated[
    Annotated[ClipModel, Tag(MAPPING)] | Annotated[PositiveNumber, Tag(OTHER)],
    BY_MAPPING,
    guard("a number above 0, `{norm: 1.0}` or `{value: 0.5}`", "number", "mapping", above=0),
]


class EvalModel(Model):
    """`{every}`: how often validation, in steps."""

    every: PositiveCount = Field(description="Steps from one validation to the next.", examples=[100])


class LogModel(Model):
    """`{every, health}`."""

    every: PositiveCount | None = Field(None, description="Steps from one line of history to the next.", examples=[10])
    health: Flag | None = Field(None, description="Whether a line holds the gradients' health.", examples=[False])


class TrainModel(Model):
    """Optimizer, length, batches, seed. `steps`, `epochs` and `batch` may be formulas over `config`."""

    steps: Count | None = Field(None, description="Length in updates. Either this or `epochs`.", examples=[100])
    epochs: Count | None = Field(None, description="Length in passes over the training rows.", examples=[20])
    batch: Count | None = Field(None, description="Rows of an update; all, in the file's order, where not given.", examples=[64])
    shuffle: Flag | None = Field(None, description="Whether rows are shuffled in each epoch; true where `batch` is given.", examples=[True])
    drop_last: Flag = Field(False, description="Whether a last batch with fewer rows is left out.", examples=[True])
    seed: Seed = Field(0, description="Everything random follows from it.", examples=[0])
    optimizer: Text | None = Field(None, description="A call; `step` and `steps` may be used in its arguments.", examples=["adam(lr=1e-3)"])
    from_: Text | None = Field(
        None, alias="from", description="A checkpoint or safetensors file: initial values by name and shape.", examples=["outputs/net"]
    )
    per_parameter: dict[str, dict[str, FormulaText]] = Field(
        {}, description="Pattern of names → `{frozen: true}` or optimizer arguments that differ; later patterns win.",
        examples=[{"*.bias": {"weight_decay": 0}}],
    )  # fmt: skip
    clip: ClipEntry | None = Field(None, description="Bound of the gradients: a global norm, `{norm: …}` or `{value: …}`.", examples=[1.0])
    accumulate: PositiveCount | None = Field(None, description="Batches whose gradients are averaged into one update.", examples=[4])
    ema: Percentage | None = Field(None, description="Decay of an average of the parameters, which `eval` uses.", examples=[0.999])
    early_stop: EarlyStopModel | None = Field(
        None, description="When training ends before its length.", examples=[{"watch": "valid.loss", "patience": 5}]
    )
    checkpoint: CheckpointModel | None = Field(None, description="How often the run is saved.", examples=[{"every": 100, "keep": 3}])
    eval: EvalModel | None = Field(None, description="How often validation, in steps.", examples=[{"every": 100}])
    log: LogModel | None = Field(None, description="How often a line of history.", examples=[{"every": 10}])


class DiagramModel(Model):
    """Defaults for `render`."""

    view: Literal["auto", "steps", "functions", "neurons", "layers", "training"] | None = Field(
        None, description="What a box of the diagram is.", examples=["layers"]
    )
    direction: Literal["LR", "TB"] | None = Field(None, description="Left to right or top to bottom.", examples=["TB"])
    show: list[Literal["values", "gradients", "shapes", "parameters", "cost", "heat"]] | None = Field(
        None, description="What is written at the nodes.", examples=[["values", "gradients"]]
    )
    highlight: TextOrTexts | None = Field(
        None, description="A pass, or several: `forward:w5`, `backward:u3`, `path:w1->L`.", examples=["forward:w5"]
    )
    label: dict[str, Text] = Field({}, description="Node → its label.", examples=[{"u1": "first sum"}])
    group: dict[str, Text] = Field({}, description="Node → the group it is drawn in.", examples=[{"u1": "hidden"}])


class ExpectModel(Model):
    """One of the spec's own tests."""

    inputs: dict[str, Values] = Field({}, description="Input → what is fed.", examples=[{"x": 3}])
    params: dict[str, Values] = Field({}, description="Parameter → its starting value.", examples=[{"w": 2}])
    values: dict[str, Values] = Field({}, description="Node → the value that must come out.", examples=[{"J": 2}])
    gradients: dict[str, Values] = Field({}, description="Name → the gradient of the loss that must come out.", examples=[{"w": -4}])
    shapes: dict[str, ShapeList] = Field({}, description="Name → shape.", examples=[{"h": ["batch", 8]}])
    parameters: Seed | None = Field(None, description="How many numbers the parameters have together.", examples=[67])
    metrics: dict[str, MetricBound] = Field({}, description="Metric, or `loss` → number or bound.", examples=[{"accuracy": ">= 0.93"}])
    after_steps: Seed | None = Field(None, description="Updates that are made first.", examples=[100])
    tolerance: NonNegative | None = Field(
        None, description="|found - expected| ≤ tolerance · max(1, |expected|); 1e-6, in float32 1e-4.", examples=[1e-3]
    )


class SpecModel(Model):
    """A whole spec file, as written."""

    graphrun: Literal[1] = Field(description="Version of the language.", examples=[1])
    name: Text | None = Field(None, description="Identifier; the file's stem where not given.", examples=["digits"])
    about: Text | None = Field(None, description="A sentence.", examples=["A softmax classifier with one hidden layer."])
    dtype: Literal["float32", "float64"] = Field("float64", description="Of parameters and real inputs.", examples=["float32"])
    dims: NameList = Field([], description="Names of symbolic dimensions beside `batch`.", examples=[["time"]])
    config: dict[str, ConfigValue] = Field({}, description="Constants: name → number, boolean, string or list.", examples=[{"width": 64}])
    use: NameList = Field([], description="Spec files whose functions and optimizers are brought in.", examples=[["blocks.yaml"]])
    inputs: dict[str, InputEntry] = Field({}, description="Name → number, list, or `{shape, dtype, default}`.", examples=[{"x": -2}])
    params: dict[str, ParamEntry] = Field({}, description="Name → number, list, or `{shape, init, trainable}`.", examples=[{"w": 2}])
    state: dict[str, StateModel] = Field(
        {}, description="Name → `{shape, init, update}`.", examples=[{"seen": {"init": 0, "update": "seen + 1"}}]
    )
    functions: dict[str, FunctionEntry] = Field(
        {}, description="`name(args)` → a formula, or `{params, state, nodes, returns}`.", examples=[{"scaled(x, by=2)": "by * x"}]
    )
    optimizers: dict[str, OptimizerModel] = Field(
        {}, description="`name(args)` → `{state, nodes, update}`.", examples=[{"slow(lr)": {"update": "param - lr * grad / 10"}}]
    )
    nodes: dict[str, Formulas] = Field({}, description="Name → formula; a list is a chain.", examples=[{"c": "w * x"}])
    outputs: NameList | None = Field(
        None, description="Names that `run` prints; every node that no other node uses where not given.", examples=[["probability"]]
    )
    loss: FormulaText | None = Field(None, description="Name of a scalar node, or a formula.", examples=["J"])
    metrics: dict[str, FormulaText] = Field(
        {}, description="Name → formula.", examples=[{"accuracy": "mean(argmax(logits, axis=-1) == label)"}]
    )
    data: DataModel | None = Field(
        None,
        description="Where rows come from and how columns become inputs.",
        examples=[{"source": "digits.csv", "columns": {"x": "pixel_*"}}],
    )
    train: TrainModel | None = Field(
        None, description="Optimizer, length, batches, seed.", examples=[{"epochs": 20, "batch": 64, "optimizer": "adam(lr=1e-3)"}]
    )
    diagram: DiagramModel | None = Field(None, description="Defaults for `render`.", examples=[{"view": "layers", "direction": "TB"}])
    expect: list[ExpectModel] = Field(
        [], description="The spec's own tests; `graphrun test` runs them.", examples=[[{"values": {"J": 2}, "gradients": {"w": -4}}]]
    )
