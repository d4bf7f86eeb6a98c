"""A real browser for tests: Debian's chromium, headless, spoken to in the DevTools protocol over a pipe. Standard library only."""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

__all__ = ["CHROMIUM", "Browser"]

CHROMIUM = next((path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None)
SECONDS = 60.0
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--hide-scrollbars", "--disable-component-update", "--disable-sync", "--disable-extensions", "--disable-dev-shm-usage",
    "--remote-debugging-pipe",
)  # fmt: skip
PIPED = "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
KEYS = {
    "ArrowLeft": 37, "ArrowRight": 39, "Home": 36, "End": 35, "Tab": 9, "Enter": 13, "Escape": 27, " ": 32,
}  # fmt: skip


def _pipe() -> tuple[int, int]:
    """A pipe with numbers above 3 and 4, under which the browser is to find its own."""
    low = os.pipe()
    read, write = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in low)
    for end in low:
        os.close(end)
    return read, write


class Browser:
    """One page of one browser. `requests` are the addresses that it asked for, `complaints` what stands on its console, since `open`."""

    def __init__(self) -> None:
        assert CHROMIUM is not None
        self._folder = tempfile.TemporaryDirectory(prefix="graphrun-browser-", ignore_cleanup_errors=True)
        read, out = _pipe()
        into, write = _pipe()
        command = [CHROMIUM, *FLAGS, f"--user-data-dir={self._folder.name}", "about:blank"]
        redirected = [sys.executable, "-I", "-c", PIPED, str(into), str(out), *command]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(redirected, pass_fds=(into, out), stdin=quiet, stdout=quiet, stderr=quiet)
        os.close(into)
        os.close(out)
        self._read, self._write = read, write
        self._buffer, self._number, self._session = b"", 0, ""
        self._events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.look()

    # -- the protocol -----------------------------------------------------------------------------------------------------

    def call(self, method: str, **params: Any) -> Any:
        """Sends a command and gives its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + SECONDS
        while True:
            found = self._message(end, method)
            if found.get("id") == self._number:
                if "error" in found:
                    raise RuntimeError(f"{method}: {found['error']['message']}")
                return found["result"]
            self._events.append(found)

    def _message(self, end: float, waiting: str) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0.0, end - time.monotonic()))[0]:
                raise TimeoutError(f"the browser did not answer {waiting}")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise RuntimeError(f"the browser went away at {waiting}")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))

    def _await(self, event: str) -> None:
        end = time.monotonic() + SECONDS
        while not any(e.get("method") == event for e in self._events):
            self._events.append(self._message(end, event))

    # -- what a person does -----------------------------------------------------------------------------------------------

    def open(self, page: Path, fragment: str = "") -> None:
        """Opens a file and waits until it is loaded."""
        self._events.clear()
        self.call("Page.navigate", url="about:blank")
        self._await("Page.loadEventFired")
        self._events.clear()
        self.call("Page.navigate", url=page.as_uri() + fragment)
        self._await("Page.loadEventFired")

    def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in found:
            raise RuntimeError(str(found["exceptionDetails"].get("exception", {}).get("description", found["exceptionDetails"])))
        return found["result"].get("value")

    def all(self, selector: str, expression: str = "e.textContent") -> Any:
        """An expression over `e`, each element of a selector in turn; its text where nothing is said."""
        return self.js(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => {expression})")

    def text(self, selector: str) -> str:
        """The text of the first element of a selector."""
        return str(self.all(selector)[0])

    def settle(self) -> None:
        """Waits for two frames, in which the page lays itself out."""
        self.js("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def press(self, key: str, shift: bool = False) -> None:
        """Presses a key."""
        code = KEYS.get(key, ord(key.upper()[0]))
        text = {"Enter": "\r", " ": " "}.get(key, key if len(key) == 1 else "")
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code, "modifiers": 8 if shift else 0}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", **common, **({"text": text} if text else {}))
        self.call("Input.dispatchKeyEvent", type="keyUp", **common)

    def fill(self, selector: str, text: str) -> None:
        """Types text into a field in place of what it holds."""
        self.js(f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.focus(); e.select(); }})()")
        self.type(text)

    def type(self, text: str) -> None:
        """Types text into what has the focus, in place of what is selected."""
        self.call("Input.insertText", text=text)

    def hover(self, selector: str) -> None:
        """Moves the pointer onto an element."""
        x, y = self._middle(selector)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector: str) -> None:
        """Clicks an element."""
        x, y = self._middle(selector)
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def _middle(self, selector: str) -> tuple[float, float]:
        found = self.js(
            f"(() => {{ const e = document.querySelector({json.dumps(selector)}); e.scrollIntoView({{block: 'center'}}); "
            "const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })()"
        )
        return float(found[0]), float(found[1])

    def look(self, width: int = 1400, height: int = 900, **features: str) -> None:
        """Sets the size of the window and media features (`prefers_color_scheme="dark"`); motion is reduced where nothing is said."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500)
        wanted = {"prefers_reduced_motion": "reduce", "prefers_color_scheme": "light", **features}
        self.call("Emulation.setEmulatedMedia", features=[{"name": n.replace("_", "-"), "value": v} for n, v in wanted.items()])

    def picture(self, path: Path) -> None:
        """Writes what the page looks like, all of it, as a PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]))

    def printed(self) -> bytes:
        """The page as it is printed, a PDF."""
        return base64.b64decode(self.call("Page.printToPDF", printBackground=True)["data"])

    # -- what it said -----------------------------------------------------------------------------------------------------

    @property
    def requests(self) -> list[str]:
        """The addresses asked for since `open`."""
        self.js("0")
        return [e["params"]["request"]["url"] for e in self._events if e.get("method") == "Network.requestWillBeSent"]

    @property
    def complaints(self) -> list[str]:
        """Errors, warnings and messages since `open`."""
        self.js("0")
        kinds = ("Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded")
        return [json.dumps(e["params"])[:400] for e in self._events if e.get("method") in kinds]

    def close(self) -> None:
        """Ends the browser."""
        try:
            self._session = ""
            self.call("Browser.close")
            self._process.wait(10)
        except (OSError, RuntimeError, TimeoutError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        for pipe in (self._read, self._write):
            os.close(pipe)
        self._folder.cleanup()
