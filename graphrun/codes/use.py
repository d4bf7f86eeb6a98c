"""Codes of what goes wrong when a spec is used: files, flags, lengths, pictures."""

from __future__ import annotations

from graphrun.codes.base import Code


class NoSuchFile(Code):
    """The command line names a file or a folder that is not there, or a folder in which there is no spec.

    Wrong: `graphrun train specs/an.yaml`. Paths are relative to the folder that the command is called in.
    """


class NoSuchRevision(Code):
    """`graphrun diff` is to read a spec of a git revision (`main:specs/ann.yaml`), and git cannot give it: there is no such branch, tag or
    commit, the folder is in no repository, or the git command is missing.

    Wrong: `graphrun diff mian:specs/ann.yaml specs/ann.yaml`. What stands before the colon is whatever git takes for a commit; the path is
    that from the top of the repository, or begins with `./` where it is meant from this folder.
    """


class Usage(Code):
    """A flag has a value that cannot be read.

    Wrong: `--feed x`, `--row 0`, `-o graph.gif`. The help shows how it is written.
    """


class NoLength(Code):
    """Nothing says how long to train.

    Write `train: {steps: 100}` or `epochs`, or give `--set train.steps=100`.
    """


class NoGraphviz(Code):
    """Nothing is there that could draw a picture: neither pygraphviz nor a `dot` command.

    Install Graphviz, or take the `.dot` file, which needs neither.
    """


class TooLargeToDraw(Code):
    """The graph has more nodes than a picture shows or Graphviz lays out in reasonable time, or it is wider than 16,000 pixels.

    Take the `.dot` file, fold the picture with `--view layers`, or draw a part of it: `--focus NODE`, `--to NODE`.
    """


class BadHighlight(Code):
    """`--highlight` names no pass through the graph, or one on which there is nothing.

    Written are `forward:w5` (both ends of w5's arrow and what follows, to the prediction), `backward:u3` (u3 and what follows), and
    `path:w1->L` (what lies between the two). Wrong: `w5`, `path:L->w1` (the arrows lead the other way).
    """


class UnknownFormat(Code):
    """The suffix of an output file is none that a picture can have. Use .svg, .png, .pdf, .dot, .mmd, .tex or .txt."""


class NonFinite(Code):
    """The loss or a parameter became infinite or nan while training, and the run stopped.

    The message names the first node whose operands were still finite, and their values. Usual causes: a learning rate that is too large,
    the logarithm or root of a number that reaches 0, a division by 0. Take a smaller lr, set `train.clip: 1.0`, or change the formula.
    """


class SmokeNonFinite(Code):
    """With `--smoke`: the loss, a metric or the first update is infinite or nan, whatever synthetic data of the declared shapes are fed.

    The message names the first node whose operands were still finite, and their values. Wrong: `J: log(x - x)`. Right: a formula that
    keeps away from what has no value: `log(clip(p, min=1e-9))`, `sqrt(v + 1e-12)`, a denominator that is not 0.
    """


class SmokeZeroGradient(Code):
    """With `--smoke`: a parameter's gradient, or every gradient, is exactly 0 in the first updates, whatever synthetic data are fed.

    Such a parameter does not learn. Usual causes: zeros as the initial weights of a layer that goes through relu, a comparison, `floor`
    or `argmax` between the parameter and the loss, a factor that is 0. Wrong: `h: x -> dense(8, init=0) -> relu`. Right: leave `init` out,
    or write `he_normal()`.
    """


class SmokeFailed(Code):
    """With `--smoke`: no pass could be made with synthetic data, as whole numbers of 0 and above are no indices there, or sizes do not fit.

    This says nothing against the spec. `graphrun run` shows the same with the real data.
    """


class StepTooLarge(Code):
    """Updates are so large that the loss rises where the gradients say that it falls, on the very rows that the update was made for.

    Told where one update makes the loss more than ten times as large as it was, and as it was at the start, or where more than half of
    the updates that were measured raise it. The message names the parameter whose move should have changed the loss most, and how far it
    went beside its own size (usual is about a thousandth). Take a smaller lr, a warmup, or `train.clip: 1.0`.
    """


class ExplodingGradient(Code):
    """A parameter's gradient has grown more than a thousandfold since the first step, and the loss more than tenfold.

    A gradient may grow while a net learns, as it leaves a plateau; it does not while the loss is far above where it began. Set
    `train.clip: 1.0`, take a smaller lr, or in a deep or recurrent net smaller initial values.
    """


class VanishingGradient(Code):
    """A parameter gets no gradient, so that it does not learn.

    Told where the root mean square of its gradient is below 1e-7 of the largest parameter's at every step that was measured (float32
    resolves no less), where it became exactly 0 and stayed so, or where from the first step on no update can change the loss in its last
    digits. Usual causes: ReLU units that are off for every row, sigmoid or tanh units far from 0, many such layers in a row.
    Standardize the inputs, take other initial values (`he_normal()`, `glorot_normal()`) or another activation.
    """


class Memory(Code):
    """A run takes more memory than the machine has, or an array more than any machine has.

    Wrong: `w: {shape: [1000000, 1000000], init: normal()}`, which is 7.3 TiB.
    Make shapes or the batch smaller; `graphrun show SPEC --layers` tells what each part of the graph takes.
    """


class Disk(Code):
    """A file cannot be written or read, or the folder for a run holds something that is not a run.

    Nothing half-written is left behind, and what was there stays as it was. Free some space, or choose another place with `--out DIR`.
    """


class UnknownEngine(Code):
    """No engine has that name.

    Wrong: `--engine pyton`. There are `auto`, which takes the one that costs least and says so, `python` and `reference`.
    """


class NothingTaken(Code):
    """The file of `train.from` holds nothing of the name and shape of a parameter or state of the spec.

    What it holds is listed. Take the run folder of a spec with the same layers, or take `from` out.
    """


class Run(Code):
    """The run cannot go on: parameters cannot be read, or are those of another spec."""


class Spec(Code):
    """A spec cannot be read, and no more can be said about where."""


class NoWorksheet(Code):
    """A worksheet cannot be made: the graph has arrays, or no numbers are found with which every step can be worked out by hand."""


class WrongAllowance(Code):
    """A comment that allows a warning names no code, one that does not exist, or gives no reason.

    Wrong: `# graphrun: allow unused-parameter`. Right: `# graphrun: allow unused-parameter: kept for the next version`.
    """


class UnusedAllowance(Code):
    """A comment allows a warning that is not given there any more. Take the comment out."""


class UnknownCode(Code):
    """`graphrun explain` was asked for a code that does not exist. `graphrun explain` alone lists all of them."""


class MissingExtra(Code):
    """A command needs a package that graphrun does not install by itself. The help names the extra that brings it."""
