"""Arguments of PyTorch's samples as the language has them: each function changes them in place, or says what is outside the language."""

from __future__ import annotations

from typing import Any

from conformance_compare import OutsideError, Text


def all_axes(*names: str) -> Any:
    """PyTorch takes an empty list of axes for all of them."""

    def prepare(args: dict[str, Any]) -> None:
        for name in names:
            if isinstance(args.get(name), list | tuple) and not args[name]:
                args[name] = None

    return prepare


def spread(args: dict[str, Any]) -> None:
    """`unbiased` is a correction of 1 or 0."""
    all_axes("dim")(args)
    if args["unbiased"] is not None:
        args["correction"] = int(args["unbiased"])
    if isinstance(args["dim"], bool):
        args["correction"], args["dim"] = int(args["dim"]), None
    if args["correction"] is None:
        args["correction"] = 1


def alpha_one(args: dict[str, Any]) -> None:
    if args["alpha"] != 1:
        raise OutsideError("a factor `alpha` of the second operand")


def vector_norm(args: dict[str, Any]) -> None:
    """Norms of vectors; those of matrices have other names in PyTorch."""
    order = args["ord"]
    rank, dim = args["input"].ndim, args["dim"]
    axes = rank if dim is None else 1 if isinstance(dim, int) else len(dim)
    if order == "fro" or order is None:
        args["ord"] = 2
    elif isinstance(order, str) or (axes == 2 and args.get("matrix")):
        raise OutsideError("a norm of matrices")
    all_axes("dim")(args)


def matrix_or_vector(args: dict[str, Any]) -> None:
    args["matrix"] = args["ord"] is not None
    vector_norm(args)


def reduced_only(args: dict[str, Any]) -> None:
    if args["mode"] not in ("reduced", True) and args.get("some") is None:
        raise OutsideError(f"mode '{args['mode']}' of qr")


def pad_value(args: dict[str, Any]) -> None:
    args["value"] = 0.0 if args["value"] is None else args["value"]


def no_indices(args: dict[str, Any]) -> None:
    if args["return_indices"]:
        raise OutsideError("`return_indices` of a pooling")


def default_stride(args: dict[str, Any]) -> None:
    if args["stride"] == ():
        args["stride"] = None


def plain_prelu(args: dict[str, Any]) -> None:
    """One weight for each channel stands behind the axes that follow."""
    x, weight = args["input"], args["weight"]
    args["shape"] = [] if weight.numel() == 1 else [weight.numel(), *[1] * max(x.ndim - 2, 0)]


def same_rank(args: dict[str, Any]) -> None:
    """`gather` is `take_along` where the other axes agree."""
    x, index = args["input"], args["index"]
    if x.ndim != index.ndim:
        raise OutsideError("an axis of a scalar")
    axis = args["dim"] % x.ndim
    if any(a != b and a != 1 and b != 1 for k, (a, b) in enumerate(zip(x.shape, index.shape, strict=True)) if k != axis):
        raise OutsideError("an index that is shorter along the other axes")


def with_axis(args: dict[str, Any]) -> None:
    if args["dim"] is None:
        raise OutsideError("elements of a flattened array (`flatten` first)")


def known_classes(args: dict[str, Any]) -> None:
    if args["num_classes"] == -1:
        raise OutsideError("a number of classes that is taken from the data")


def basic_index(args: dict[str, Any]) -> None:
    """The index as the language writes it; only basic indexing."""
    items = args["index"] if isinstance(args["index"], tuple) else (args["index"],)
    parts = []
    for item in items:
        if isinstance(item, slice):
            parts.append(":".join("" if v is None else str(v) for v in (item.start, item.stop)) + (f":{item.step}" if item.step else ""))
        elif item is None or item is Ellipsis:
            parts.append("none" if item is None else "...")
        elif isinstance(item, int) and not isinstance(item, bool):
            parts.append(str(item))
        else:
            raise OutsideError("an index by lists or masks")
    args["items"] = Text(", ".join(parts))


def at_index(args: dict[str, Any]) -> None:
    args["items"] = Text(", ".join([":"] * (args["dim"] % args["input"].ndim) + [str(args["index"])]))


def narrowed(args: dict[str, Any]) -> None:
    if not isinstance(args["start"], int):
        raise OutsideError("a start that is a value of the graph")
    rank, start = args["input"].ndim, args["start"]
    size = args["input"].shape[args["dim"]]
    start %= max(size, 1)
    args["items"] = Text(", ".join([":"] * (args["dim"] % rank) + [f"{start}:{start + args['length']}"]))


def joined(args: dict[str, Any]) -> None:
    ranks = {t.ndim for t in args["input"]}
    if len(ranks) > 1:
        raise OutsideError("an empty vector joined to arrays of other ranks")


def sorted_axis(args: dict[str, Any]) -> None:
    if args["input"].ndim == 0:
        raise OutsideError("an axis of a scalar")


def swapped(args: dict[str, Any]) -> None:
    rank = args["input"].ndim
    if rank == 0:
        raise OutsideError("an axis of a scalar")
    order = list(range(rank))
    a, b = args["dim0"] % rank, args["dim1"] % rank
    order[a], order[b] = b, a
    args["axes"] = order


def squeezable(args: dict[str, Any]) -> None:
    shape, dim = args["input"].shape, args["dim"]
    if dim is None:
        return
    for d in (dim,) if isinstance(dim, int) else dim:
        if shape[d] != 1:
            raise OutsideError("an axis that is not of size one, left as it is")


def shape_list(args: dict[str, Any]) -> None:
    """`expand` takes -1 for a size that stays."""
    want, have = list(args["shape"]), args["input"].shape
    lead = len(want) - len(have)
    args["shape"] = [have[k - lead] if d == -1 else d for k, d in enumerate(want)]


def filled(args: dict[str, Any]) -> None:
    if isinstance(args["input"], int):
        args["input"] = (args["input"],)


def identity_matrix(args: dict[str, Any]) -> None:
    if args["m"] is None:
        args["m"] = args["input"]


def ranged(args: dict[str, Any]) -> None:
    """Whole numbers make whole numbers in the language; the values are compared as they are."""
    parts = [v for v in (args["input"], args["end"], args["step"]) if v is not None]
    if any(isinstance(v, bool) for v in parts):
        raise OutsideError("numbers given as booleans")
    args["parts"] = Text(", ".join(repr(v) for v in parts))


def reduced(args: dict[str, Any]) -> None:
    """Losses are elementwise in the language; the spec reduces them."""
    names = {"none": ("", ""), "mean": ("mean(", ")"), "sum": ("sum(", ")")}
    if args["reduction"] not in names:
        raise OutsideError(f"reduction '{args['reduction']}'")
    args["before"], args["after"] = map(Text, names[args["reduction"]])


def equal_shapes(args: dict[str, Any]) -> None:
    reduced(args)
    if args["input"].shape != args["target"].shape:
        raise OutsideError("a target of another shape")


def class_axis(args: dict[str, Any]) -> None:
    """PyTorch has the classes on axis 1, or 0 of a vector."""
    reduced(args)
    if args["target"].is_floating_point():
        raise OutsideError("a target of probabilities")
    fewer = args["weight"] is not None or bool((args["target"] == args["ignore_index"]).any())
    if fewer and args["reduction"] == "mean":
        raise OutsideError("a mean by the weights of the classes that are not left out")
    args["axis"] = min(args["input"].ndim - 1, 1)
    if args["target"].ndim != args["input"].ndim - 1:
        raise OutsideError("a target of another shape")


def einsum_order(args: dict[str, Any]) -> None:
    args["operands"] = list(args["input"])
