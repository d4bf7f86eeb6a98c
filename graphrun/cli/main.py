"""Finds the command that was asked for, and turns whatever goes wrong into a message and an exit status.

Commands are loaded when they are called: `graphrun validate` must not wait for NumPy.
"""

from __future__ import annotations

import importlib
import itertools
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer
import typer.core

from graphrun.cli import printing
from graphrun.errors import Diagnostic, GraphrunError, RunError, nearest
from graphrun.ir.pause import collection_paused

__all__ = ["COMMANDS", "main"]

COMMANDS = {
    "train": "Train a spec; write the run folder.",
    "run": "Compute the outputs of a spec, forward only.",
    "grad": "Work out every derivative step by step, as on paper.",
    "worksheet": "Write the ledger with blanks, or mark a filled-in one.",
    "render": "Draw the graph of a spec.",
    "eval": "Measure the loss and the metrics on a split of the data.",
    "check": "Compare every gradient with numerical differentiation.",
    "validate": "Check specs without running them.",
    "test": "Run the `expect` entries of specs.",
    "show": "Show how a spec is understood: steps, shapes, parameters, cost.",
    "diff": "Show what changed between two specs, as a graph.",
    "schema": "Print the JSON Schema of specs, for editors.",
    "new": "Write a commented spec that can be trained at once.",
    "hash": "Print a hash of what each spec means.",
    "lsp": "Serve an editor: the language server.",
    "explain": "Explain what a diagnostic means and how it is mended.",
}

# Commands of the language that this version does not have.
LATER = ("export", "fmt", "import", "predict", "runs", "watch")

ABOUT = """Computation graphs and neural nets as data: check, run, differentiate, train, explain and draw a graph
written in YAML.

\b
First steps:
  graphrun train specs/ann.yaml       train, and see what happened
  graphrun grad specs/neuron.yaml     every derivative, worked step by step
  graphrun validate specs/            find mistakes before running
  graphrun render specs/ann.yaml      draw the graph

Exit status: 0 done, 1 the spec or its expectations are wrong, 2 the command line is wrong, 3 the run failed
(data, disk, a value that is not finite), 130 interrupted.
"""


class Commands(typer.core.TyperGroup):
    """The group of all commands, each loaded from its own file when it is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The commands in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Loads a command; None where there is no such command."""
        if cmd_name not in COMMANDS:
            return None
        with collection_paused():
            module = importlib.import_module(f"graphrun.cli.{cmd_name}")
        app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
        app.command(cmd_name, context_settings={"help_option_names": ["-h", "--help"]})(module.command)
        return typer.main.get_command(app)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the command that the arguments name, or fails with the nearest one."""
        name = args[0] if args else ""
        if name and not name.startswith("-") and name not in COMMANDS:
            if name in LATER:
                ctx.fail(f"`{name}` is not there yet in this version of graphrun.")
            near = nearest(name, COMMANDS)
            ctx.fail(f"`{name}` is not a command." + (f" Did you mean `{near}`?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: Any) -> Any:
        """Runs the command. An interruption is status 130 whatever version of typer is installed."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            printing.note("interrupted")
            raise typer.Exit(130) from None


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # 30 ms that no command needs

        printing.say(f"graphrun {version('graphrun')}")
        raise typer.Exit


def _group() -> Any:
    app = typer.Typer(
        cls=Commands,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        help=ABOUT,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(help=ABOUT)
    def root(
        version: bool = typer.Option(False, "--version", is_eager=True, callback=_version, help="Print the version."),
    ) -> None:
        pass

    return typer.main.get_command(app)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command line (`sys.argv` where none is given) and returns its exit status."""
    args = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(args)
    finally:
        printing.flush()


def _run(args: list[str]) -> int:
    try:
        _group().main(args=args, prog_name="graphrun", standalone_mode=True)
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except GraphrunError as error:
        printing.report_error(error, as_json=_wants_json(args))
        return error.exit_status
    except KeyboardInterrupt:
        printing.note("interrupted")
        return 130
    except MemoryError as error:
        what = " ".join(str(error).split())[:200]
        message = f"this takes more memory than there is{f' ({what})' if what else ''}"
        mend = "smaller shapes or batches; `graphrun show SPEC --layers` tells what each takes"
        printing.report_error(RunError(Diagnostic("memory", message, help=mend)), as_json=_wants_json(args))
        return 3
    except Exception as error:
        if os.environ.get("GRAPHRUN_DEBUG"):
            printing.note(traceback.format_exc().rstrip())
        else:
            what = " ".join(str(error).split())[:200]
            printing.note(
                f"graphrun: internal error ({type(error).__name__}: {what})\n"
                "This is a fault of graphrun, not of the spec. Please report it, with the spec and what\n"
                "`GRAPHRUN_DEBUG=1 graphrun ...` prints."
            )
        return 3
    return 0


def _wants_json(args: list[str]) -> bool:
    return "--format=json" in args or any(a == "--format" and b == "json" for a, b in itertools.pairwise(args))


if __name__ == "__main__":
    sys.exit(main())
