"""What a spec says, as frozen models. Formulas stay texts here; `Spec.locate` tells where each stands.

The models check structure: keys, kinds of values, ranges. Names, shapes and types are checked when the graph is built.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "DataModel",
    "DiagramModel",
    "ExpectModel",
    "FunctionModel",
    "InputModel",
    "OptimizerModel",
    "ParamModel",
    "SlotModel",
    "SpecModel",
    "SplitModel",
    "StateModel",
    "TrainModel",
]

# A formula is text, or a number (`J: 3`, `returns: 1`), or `true`/`false`.
FormulaText = str | bool | int | float
DimText = int | str
Values = int | float | bool | list[Any]  # a number or a nested list of them
DTypeName = Literal["float32", "float64", "int64", "bool"]


class Model(BaseModel):
    """A mapping with a closed set of keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class InputModel(Model):
    """`{shape, dtype, default}`. A number or list in its place is a default."""

    shape: tuple[DimText, ...] = ()
    dtype: DTypeName | None = None
    default: Values | None = None


class ParamModel(Model):
    """`{shape, init, trainable}`. A number or list in its place is the initial value."""

    shape: tuple[DimText, ...] | None = None
    init: Values | str
    trainable: bool = True


class StateModel(Model):
    """`{shape, init, update}`."""

    shape: tuple[DimText, ...] | None = None
    init: Values | str
    update: FormulaText


class FunctionModel(Model):
    """`{params, state, nodes, returns}`. A formula in its place is `returns`."""

    params: dict[str, Values | ParamModel] = {}
    state: dict[str, StateModel] = {}
    nodes: dict[str, FormulaText | list[FormulaText]] = {}
    returns: FormulaText | list[FormulaText]


class SlotModel(Model):
    """A state of an optimizer: `{init, update}`; its shape is the parameter's."""

    init: int | float | str = 0
    update: FormulaText


class OptimizerModel(Model):
    """`{state, nodes, update}`."""

    state: dict[str, SlotModel] = {}
    nodes: dict[str, FormulaText] = {}
    update: FormulaText


class SplitModel(Model):
    """`{train, valid, test}` as fractions or counts, `seed`, `stratify`; or `by: column`."""

    train: int | float | None = None
    valid: int | float | None = None
    test: int | float | None = None
    seed: int = 0
    stratify: str | None = None
    by: str | None = None


class TextModel(Model):
    """`{level, context, stride}` of a text file."""

    level: Literal["char", "byte"] = "char"
    context: Annotated[int, Field(gt=0)]
    stride: Annotated[int, Field(gt=0)] = 1


class DataModel(Model):
    """Where rows come from and how columns become inputs."""

    source: str | list[str] | dict[str, str | list[str]] | None = None
    rows: list[list[Any]] | None = None
    columns: dict[str, str | list[str]] | list[str] | None = None
    classes: dict[str, list[str]] = {}
    split: SplitModel | None = None
    transform: dict[str, str] = {}
    text: TextModel | None = None


class CheckpointModel(Model):
    """`{every, keep, best}`."""

    every: Annotated[int, Field(gt=0)] | None = None
    keep: Annotated[int, Field(gt=0)] | None = None
    best: str | None = None


class EarlyStopModel(Model):
    """`{watch, patience, min_delta, mode}`."""

    watch: str
    patience: Annotated[int, Field(gt=0)]
    min_delta: float = 0.0
    mode: Literal["min", "max"] = "min"


class ClipModel(Model):
    """`{norm}` or `{value}`."""

    norm: Annotated[float, Field(gt=0)] | None = None
    value: Annotated[float, Field(gt=0)] | None = None


class EvalModel(Model):
    """`{every}`: how often validation, in steps."""

    every: Annotated[int, Field(gt=0)]


class LogModel(Model):
    """`{every, health}`."""

    every: Annotated[int, Field(gt=0)] | None = None
    health: bool | None = None


class TrainModel(Model):
    """Optimizer, length, batches, seed. Whole numbers may be formulas over `config`."""

    steps: int | str | None = None
    epochs: int | str | None = None
    batch: int | str | None = None
    shuffle: bool | None = None
    drop_last: bool = False
    seed: int = 0
    optimizer: str | None = None
    from_: str | None = Field(default=None, alias="from")
    per_parameter: dict[str, dict[str, bool | int | float | str]] = {}
    clip: float | ClipModel | None = None
    accumulate: int | None = None
    ema: float | None = None
    early_stop: EarlyStopModel | None = None
    checkpoint: CheckpointModel | None = None
    eval: EvalModel | None = None
    log: LogModel | None = None


class DiagramModel(Model):
    """Defaults for `render`."""

    view: Literal["auto", "steps", "functions", "neurons", "layers", "training"] | None = None
    direction: Literal["LR", "TB"] | None = None
    show: list[Literal["values", "gradients", "shapes", "parameters", "cost"]] | None = None
    highlight: str | list[str] | None = None
    label: dict[str, str] = {}
    group: dict[str, str] = {}


class ExpectModel(Model):
    """One of the spec's own tests."""

    inputs: dict[str, Values] = {}
    params: dict[str, Values] = {}
    values: dict[str, Values] = {}
    gradients: dict[str, Values] = {}
    shapes: dict[str, list[DimText]] = {}
    parameters: int | None = None
    metrics: dict[str, int | float | str] = {}
    after_steps: Annotated[int, Field(ge=0)] | None = None
    tolerance: Annotated[float, Field(ge=0)] | None = None


class SpecModel(Model):
    """A whole spec file, as written."""

    graphrun: Literal[1]
    name: str | None = None
    about: str | None = None
    dtype: Literal["float32", "float64"] = "float64"
    dims: list[str] = []
    config: dict[str, Any] = {}
    use: list[str] = []
    inputs: dict[str, Values | InputModel] = {}
    params: dict[str, Values | ParamModel] = {}
    state: dict[str, StateModel] = {}
    functions: dict[str, FormulaText | list[FormulaText] | FunctionModel] = {}
    optimizers: dict[str, OptimizerModel] = {}
    nodes: dict[str, FormulaText | list[FormulaText]] = {}
    outputs: list[str] | None = None
    loss: FormulaText | None = None
    metrics: dict[str, FormulaText] = {}
    data: DataModel | None = None
    train: TrainModel | None = None
    diagram: DiagramModel | None = None
    expect: list[ExpectModel] = []
