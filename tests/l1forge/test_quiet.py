"""What libraries say on standard error is held back, and told when it is needed."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from l1forge.emulator.errors import InputError
from l1forge.screen.quiet import VERBOSE, quiet_stderr


def nothing() -> None:
    pass


def refuse() -> None:
    raise InputError("bad", file="net.onnx")


def fail() -> None:
    raise RuntimeError("a defect")


def talk(then: Callable[[], None]) -> None:
    with quiet_stderr():
        os.write(2, b"I tensorflow/core: oneDNN\n")
        then()


@pytest.mark.parametrize(("then", "error"), [(nothing, None), (refuse, InputError), (fail, RuntimeError)])
@pytest.mark.parametrize("verbose", ["", "1"])
def test_chatter(
    then: Callable[[], None],
    error: type[Exception] | None,
    verbose: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VERBOSE, verbose)
    if error is None:
        talk(then)
    else:
        with pytest.raises(error):
            talk(then)
    os.write(2, b"ours\n")
    shown = "I tensorflow/core: oneDNN\n" if verbose or error is RuntimeError else ""
    assert capfd.readouterr().err == shown + "ours\n"
