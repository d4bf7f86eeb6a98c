"""Codes of what goes wrong when a spec is used: files, flags, lengths, pictures."""

from __future__ import annotations

from graphrun.codes.base import Code


class NoSuchFile(Code):
    """The command line names a file or a folder that is not there, or a folder in which there is no spec.

    Wrong: `graphrun train specs/an.yaml`. Paths are relative to the folder that the command is called in.
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
    """The graph has more nodes than a picture can show, or than Graphviz lays out in reasonable time.

    Take the `.dot` file, or draw a smaller spec.
    """


class UnknownFormat(Code):
    """The suffix of an output file is none that a picture can have. Use .svg, .png, .pdf or .dot."""


class NonFinite(Code):
    """The loss or a parameter became infinite or nan while training, and the run stopped.

    The message names the first node whose operands were still finite, and their values. Usual causes: a learning rate that is too large,
    the logarithm or root of a number that reaches 0, a division by 0. Take a smaller lr, set `train.clip: 1.0`, or change the formula.
    """


class Disk(Code):
    """A file cannot be written or read, or the folder for a run holds something that is not a run.

    Nothing half-written is left behind, and what was there stays as it was. Free some space, or choose another place with `--out DIR`.
    """


class UnknownEngine(Code):
    """No engine has that name.

    Wrong: `--engine pyton`. There are `auto`, which takes the one that costs least and says so, `python` and `reference`.
    """


class Run(Code):
    """The run cannot go on: parameters cannot be read, or are those of another spec."""


class Spec(Code):
    """A spec cannot be read, and no more can be said about where."""


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
