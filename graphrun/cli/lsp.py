"""`graphrun lsp`: the language server, for editors."""

from __future__ import annotations

from importlib.metadata import version

from graphrun.errors import Diagnostic, UsageError

try:
    from graphrun.lsp.server import make_server
except ModuleNotFoundError as missing:
    if (missing.name or "").partition(".")[0] not in ("pygls", "lsprotocol"):
        raise
    make_server = None  # type: ignore[assignment]

__all__ = ["command"]


def command() -> None:
    """Serve an editor: the language server.

    Over standard input and output. Faults as one types, what a name means and where it is defined, completion and
    quick fixes. Needs the extra `graphrun[lsp]`.

    \b
    Examples:
      graphrun lsp
    """
    if make_server is None:
        raise UsageError(Diagnostic("missing-extra", "the language server needs pygls", help='pip install "graphrun[lsp]"'))
    make_server(version("graphrun")).start_io()
