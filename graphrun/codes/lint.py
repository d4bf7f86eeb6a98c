"""Codes of warnings about what is right and most likely not meant."""

from __future__ import annotations

from graphrun.codes.base import Code


class UnusedNode(Code):
    """The spec names its `outputs`, and neither they nor the loss, a metric or an `expect` entry need this node.

    Wrong: `outputs: [y]` beside a node `z` that is read nowhere. Take the node out, or add it to `outputs`.
    """


class UnusedColumn(Code):
    """Columns of the data file fill no input and say nothing about the split.

    Wrong: a file with the columns `x, z, y` where the inputs are `x` and `y`: the model never sees `z`.
    Name the column under `columns`. Where it is meant to be left out, allow it: `# graphrun: allow unused-column: the reason`.
    """


class SoftmaxBeforeCrossEntropy(Code):
    """`cross_entropy` is given probabilities. It takes logits, and takes their softmax itself, so that here it is taken twice.

    Wrong: `p: softmax(z)`, `J: mean(cross_entropy(p, label))`. Right: `J: mean(cross_entropy(z, label))`.
    """


class SigmoidBeforeLogitsLoss(Code):
    """`binary_cross_entropy_with_logits` is given probabilities. It takes logits, and takes their sigmoid itself.

    Wrong: `J: mean(binary_cross_entropy_with_logits(sigmoid(z), y))`. Right: `J: mean(binary_cross_entropy_with_logits(z, y))`.
    """


class NllOfNoLogarithm(Code):
    """`nll` is given probabilities or logits. It takes their logarithms, which are never above zero: of anything else it has no bound.

    Wrong: `p: softmax(z)`, `J: mean(nll(p, label))`. Right: `J: mean(nll(log_softmax(z), label))`, or `cross_entropy(z, label)`.
    """


class BinaryCrossEntropyOfLogits(Code):
    """`binary_cross_entropy` is given what can be below 0 or above 1. It takes probabilities, and cuts off their logarithms.

    Wrong: `J: mean(binary_cross_entropy(z, y))` of logits `z`. Right: `binary_cross_entropy_with_logits(z, y)`, or `sigmoid(z)` before.
    """


class ReluBeforeLoss(Code):
    """Logits have been through `relu`, so that none is below zero: no class can be told to be unlikely, and what is cut off is not trained.

    Wrong: `z: x -> dense(10, relu)`, `J: mean(cross_entropy(z, label))`. Right: `z: x -> dense(10)`.
    """


class DropoutBeforeLoss(Code):
    """`dropout` comes after the last layer: it zeroes predictions themselves, at random, and no weight can do anything about that.

    Wrong: `z: x -> dense(10) -> dropout(0.5)`. Right: `z: x -> dropout(0.5) -> dense(10)`.
    """


class ArgmaxOverBatch(Code):
    """`argmax` or `argmin` without an axis gives one index into all elements of all rows; a prediction for each row has an axis.

    Wrong: `argmax(logits)` where logits has shape `[batch, 10]`. Right: `argmax(logits, axis=-1)`.
    """


class AccidentalBroadcast(Code):
    """A list of n and a column of n (shape `[n, 1]`) are combined: each element of one meets each of the other, n² in all.

    Wrong: `x @ w - y` where `w` has shape `[4, 1]` and `y` has `[batch]`: the difference has shape `[batch, batch]`.
    Give both one shape: `squeeze(x @ w, axis=-1) - y`. Who means all pairs writes so: `expand_dims(a, -1) - b`.
    """


class UnusualLearningRate(Code):
    """The learning rate is far from those that people use with this optimizer.

    Wrong: `adam(lr=1)`, `sgd(lr=-0.1)`, which steps uphill. Where it is meant, allow it with a reason in a comment.
    """


class DeadRelu(Code):
    """All that a `relu` is taken of begins at zero, whatever is fed. Its derivative there is zero, so that nothing before it moves.

    Wrong: `w: {shape: [4, 3], init: 0}` with `h: relu(x @ w)`. Right: `w: {shape: [4, 3], init: he_normal()}`.
    """


class SymmetricInitialization(Code):
    """The units of a layer begin with the same weights, and so do the weights of what reads them: their gradients are equal in every
    step, and all of them learn the same.

    Wrong: `init: 0.1` for two layers in a row. Right: `init: glorot_uniform()` for one of them at least.
    """


class SaturatedInitialization(Code):
    """A weight or bias begins so large that the `sigmoid` or `tanh` after it is flat, and its gradient is all but zero.

    Wrong: `w: {shape: [100, 8], init: normal(0, 5)}` with `h: tanh(x @ w)`. Right: `init: glorot_uniform()`.
    """
