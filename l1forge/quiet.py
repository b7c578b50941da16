"""TensorFlow without its start-up chatter, which it writes to file descriptor 2 whatever the log level."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_stderr() -> Iterator[None]:
    """Drop what C++ code writes to standard error inside the block; Python exceptions still surface."""
    saved = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


def import_tensorflow() -> None:
    """Load TensorFlow (with Keras 2) silently; later imports find it loaded."""
    from models.vae.network import keras

    with quiet_stderr():
        keras()
