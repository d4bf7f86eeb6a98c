"""The server: the Language Server Protocol over standard input and output, by pygls."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from lsprotocol import types
from pygls.lsp.server import LanguageServer

from graphrun.errors import Diagnostic, Place, Source
from graphrun.lsp.analysis import Analysis, Completion, analyse

__all__ = ["make_server"]

MOMENT = 0.1  # seconds

_KINDS = {
    "value": types.CompletionItemKind.Variable,
    "function": types.CompletionItemKind.Function,
    "optimizer": types.CompletionItemKind.Class,
    "key": types.CompletionItemKind.Property,
}


class _Server(LanguageServer):
    """Keeps what is known of each open document."""

    def __init__(self, version: str) -> None:
        super().__init__("graphrun", version)
        self.known: dict[str, Analysis] = {}
        self.pending: dict[str, asyncio.TimerHandle] = {}
        self.lines: tuple[Source | None, list[str]] = (None, [])

    def look(self, uri: str) -> Analysis:
        """What is known of a document as it stands now."""
        text = self.workspace.get_text_document(uri).source
        known = self.known.get(uri)
        if known is None or known.source.text != text:
            known = self.known[uri] = analyse(text, _path(uri), known)
        return known

    def tell(self, uri: str) -> None:
        """Publishes the faults of a document."""
        found = self.look(uri)
        here = [d for d in found.diagnostics if d.place is None or d.place.source.name == found.source.name]
        diagnostics = [self._diagnostic(uri, d) for d in here]
        version = self.workspace.get_text_document(uri).version
        self.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=diagnostics, version=version))

    def tell_soon(self, uri: str) -> None:
        """Publishes the faults of a document when nothing more is typed for a moment."""
        self.forget(uri)
        self.pending[uri] = asyncio.get_running_loop().call_later(MOMENT, self.tell, uri)

    def forget(self, uri: str) -> None:
        """Leaves out what `tell_soon` has not published yet."""
        pending = self.pending.pop(uri, None)
        if pending is not None:
            pending.cancel()

    def _diagnostic(self, uri: str, d: Diagnostic) -> types.Diagnostic:
        message = "\n".join([d.message, *d.notes, *([f"help: {d.help}"] if d.help is not None else [])])
        severity = types.DiagnosticSeverity.Error if d.severity == "error" else types.DiagnosticSeverity.Warning
        data = None
        if d.fix is not None:
            at = self.range(uri, d.fix_at or d.place)
            data = {"fix": d.fix, "at": [at.start.line, at.start.character, at.end.line, at.end.character]}
        return types.Diagnostic(self.range(uri, d.place), message, severity, code=d.code, source="graphrun", data=data)

    def range(self, uri: str, place: Place | None) -> types.Range:
        """A place as the client counts; the first character of the file where there is none."""
        if place is None:
            return types.Range(types.Position(0, 0), types.Position(0, 0))
        whole = types.Range(types.Position(place.line - 1, place.column - 1), types.Position(place.end_line - 1, place.end_column - 1))
        if self.lines[0] is not place.source:
            self.lines = (place.source, [f"{line}\n" for line in place.source.lines])
        return self.workspace.position_codec.range_to_client_units(self.lines[1], whole)

    def at(self, uri: str, position: types.Position) -> tuple[int, int]:
        """A client's position as line and column from 1, in characters."""
        document = self.workspace.get_text_document(uri)
        found = self.workspace.position_codec.position_from_client_units(document.lines, position)
        return found.line + 1, found.character + 1


def make_server(version: str) -> LanguageServer:
    """A server with all that it can do; `start_io()` serves."""
    server = _Server(version)

    @server.feature(types.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: types.DidOpenTextDocumentParams) -> None:
        server.tell(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: types.DidChangeTextDocumentParams) -> None:
        server.tell_soon(params.text_document.uri)

    @server.feature(types.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: types.DidCloseTextDocumentParams) -> None:
        uri = params.text_document.uri
        server.forget(uri)
        server.known.pop(uri, None)
        server.text_document_publish_diagnostics(types.PublishDiagnosticsParams(uri=uri, diagnostics=[]))

    @server.feature(types.TEXT_DOCUMENT_HOVER)
    def hover(params: types.HoverParams) -> types.Hover | None:
        uri = params.text_document.uri
        text = server.look(uri).hover(*server.at(uri, params.position))
        return types.Hover(types.MarkupContent(types.MarkupKind.Markdown, text)) if text is not None else None

    @server.feature(types.TEXT_DOCUMENT_DEFINITION)
    def definition(params: types.DefinitionParams) -> types.Location | None:
        uri = params.text_document.uri
        found = server.look(uri)
        place = found.definition(*server.at(uri, params.position))
        if place is None:
            return None
        own = place.source.name == found.source.name
        return types.Location(uri if own else Path(place.source.name).resolve().as_uri(), server.range(uri, place))

    @server.feature(types.TEXT_DOCUMENT_REFERENCES)
    def references(params: types.ReferenceParams) -> list[types.Location]:
        uri = params.text_document.uri
        places = server.look(uri).references(*server.at(uri, params.position))
        return [types.Location(uri, server.range(uri, place)) for place in places]

    @server.feature(types.TEXT_DOCUMENT_COMPLETION, types.CompletionOptions(trigger_characters=["."]))
    def completion(params: types.CompletionParams) -> list[types.CompletionItem]:
        uri = params.text_document.uri
        return [_item(found) for found in server.look(uri).complete(*server.at(uri, params.position))]

    @server.feature(types.TEXT_DOCUMENT_CODE_ACTION, types.CodeActionOptions(code_action_kinds=[types.CodeActionKind.QuickFix]))
    def actions(params: types.CodeActionParams) -> list[types.CodeAction]:
        return [action for d in params.context.diagnostics if (action := _action(params.text_document.uri, d)) is not None]

    return server


def _item(found: Completion) -> types.CompletionItem:
    documentation = types.MarkupContent(types.MarkupKind.PlainText, found.documentation) if found.documentation else None
    text = f"{found.label}: " if found.kind == "key" else found.label
    return types.CompletionItem(found.label, kind=_KINDS[found.kind], detail=found.detail, documentation=documentation, insert_text=text)


def _action(uri: str, d: types.Diagnostic) -> types.CodeAction | None:
    """A quick fix for a fault that can be mended in one certain way."""
    data = d.data if isinstance(d.data, dict) else {}
    fix, at = data.get("fix"), data.get("at")
    if not isinstance(fix, str) or not isinstance(at, list) or len(at) != 4:
        return None
    where = types.Range(types.Position(int(at[0]), int(at[1])), types.Position(int(at[2]), int(at[3])))
    edit = types.WorkspaceEdit(changes={uri: [types.TextEdit(where, fix)]})
    title = f"write `{fix}`" if "\n" not in fix else "mend it"
    return types.CodeAction(title, kind=types.CodeActionKind.QuickFix, diagnostics=[d], edit=edit, is_preferred=True)


def _path(uri: str) -> str:
    """The file of a URI; a document that is not saved has the name that the editor gives it."""
    parsed = urlparse(uri)
    return url2pathname(unquote(parsed.path)) if parsed.scheme == "file" else re.sub(r"\W+", "_", uri)
