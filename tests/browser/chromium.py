"""Drives a headless Chromium through its DevTools protocol, over pipes: no package is needed."""

from __future__ import annotations

import base64
import itertools
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
TIMEOUT_S = 30


def program() -> str:
    """Path of the browser; a missing one is a failure, as the pages cannot be judged without it."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        raise RuntimeError("no Chromium: install Debian's package chromium")
    return found


class Browser:
    """One page in a headless Chromium; collects console messages, errors and requests."""

    def __init__(self, profile: Path) -> None:
        to_read, self._out = os.pipe()
        self._in, to_write = os.pipe()
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]
        flags += ["--no-first-run", "--disable-background-networking", f"--user-data-dir={profile}"]
        # the protocol reads file descriptor 3 and writes 4
        shell = f'exec "$0" "$@" 3<&{to_read} 4>&{to_write}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, program(), *flags, "about:blank"],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._ids, self._buffer = itertools.count(1), b""
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        self._session = ""
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in targets if t["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self._call(f"{domain}.enable")

    def open(self, url: str, width: int = 1440, height: int = 900) -> None:
        """Load ``url`` in a window of this size; below 600 pixels it is a phone with a touch screen."""
        phone = width < 600
        self._call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        self._loaded = False
        self._call("Page.navigate", url=url)
        end = time.monotonic() + TIMEOUT_S
        while not self._loaded:
            self._event(self._read(end))

    def run(self, script: str) -> Any:
        """The value of a JavaScript expression; awaits promises."""
        answer = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait(self, script: str) -> Any:
        """Wait until a JavaScript expression is true, and return it."""
        end = time.monotonic() + TIMEOUT_S
        while not (value := self.run(script)):
            assert time.monotonic() < end, script
            time.sleep(0.05)
        return value

    def drag(self, x0: float, y0: float, x1: float, y1: float) -> None:
        """Drag the mouse from one place of the window to another."""
        steps = [("mouseMoved", x0, y0), ("mousePressed", x0, y0)]
        steps += [("mouseMoved", x0 + (x1 - x0) * k / 4, y0 + (y1 - y0) * k / 4) for k in range(1, 5)]
        for kind, x, y in [*steps, ("mouseReleased", x1, y1)]:
            pressed = kind != "mouseMoved" or (x, y) != (x0, y0)
            self._call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left" if pressed else "none",
                buttons=1 if pressed and kind != "mouseReleased" else 0,
                clickCount=1,
            )

    def hover(self, x: float, y: float) -> None:
        """Move the mouse there."""
        for dx in (1, 0):
            self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x + dx, y=y)

    def picture(self, path: Path, whole: bool = False) -> None:
        """Write a PNG of the window, or of the whole page."""
        shot = self._call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(shot["data"]))

    def printed(self, path: Path) -> None:
        """Write the page as it prints (PDF)."""
        path.write_bytes(base64.b64decode(self._call("Page.printToPDF", printBackground=True)["data"]))

    def close(self) -> None:
        """End the browser."""
        self._session = ""
        self._call("Browser.close")
        self._process.wait(TIMEOUT_S)
        os.close(self._in)
        os.close(self._out)

    def _call(self, method: str, **parameters: Any) -> Any:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        end = time.monotonic() + TIMEOUT_S
        while True:
            answer = self._read(end)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                return answer["result"]
            self._event(answer)

    def _read(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            assert time.monotonic() < end, "Chromium does not answer"
            part = os.read(self._in, 1 << 20)
            assert part, "Chromium ended"
            self._buffer += part
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        return message

    def _event(self, message: dict[str, Any]) -> None:
        kind, details = message.get("method"), message.get("params", {})
        if kind == "Page.loadEventFired":
            self._loaded = True
        elif kind == "Network.requestWillBeSent":
            self.requests.append(details["request"]["url"])
        elif kind == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(details["exceptionDetails"])[:2000])
        elif kind == "Runtime.consoleAPICalled" and details["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(details["args"])[:2000])
        elif kind == "Log.entryAdded" and details["entry"]["level"] in ("error", "warning"):
            self.errors.append(json.dumps(details["entry"])[:2000])
