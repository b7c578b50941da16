"""Embeddings whose vocabulary is no power of two: for the words that are left the C++ reads beyond the table.

Every word that the input's type can name gets a row. The rows beyond the vocabulary repeat the last word's,
so that a number that is too large counts as the largest: in the C++, the graph and the Verilog alike.
"""

from __future__ import annotations

import re

import numpy as np

from l1forge.emulator.errors import InputError
from l1forge.firmware.hls.converters.notes import add_notes
from l1forge.firmware.hls.objects import HlsModel


def fill_vocabularies(hls_model: HlsModel) -> None:
    """Give each embedding of an hls4ml ``ModelGraph`` 2^n rows, where its input has n bits.

    Raises
    ------
    InputError
        If the input can be negative or a fraction, or has more bits than the vocabulary needs.
    """
    for node in hls_model.get_layers():
        if node.class_name != "Embedding":
            continue
        words, kind = int(node.get_attr("vocab_size")), node.get_input_variable().type.precision
        bits = max((words - 1).bit_length(), 1)
        whole = getattr(kind, "fractional", 0) == 0 and not kind.signed
        if whole and 1 << kind.width <= words:
            continue
        if not whole or kind.width != bits:
            raise InputError(
                f"numbers {words} words, and its input has the type {_text(kind)}",
                field=f"layer {node.name}",
                remedy=f"give the input the type uint<{bits}>",
            )
        weight = node.weights["embeddings"]
        table = np.asarray(weight.data).reshape(words, -1)
        extra = (1 << bits) - words
        weight.data = np.concatenate([table, np.repeat(table[-1:], extra, axis=0)])
        weight.shape, weight.data_length = list(weight.data.shape), weight.data.size
        weight.nonzeros = int(np.count_nonzero(weight.data))
        node.set_attr("vocab_size", 1 << bits)
        # hls4ml has filled its template before the width of the input was known
        config, found = re.subn(r"(\bvocab_size = )\d+", rf"\g<1>{1 << bits}", node.get_attr("config_cpp"))
        if found != 1:
            raise AssertionError("hls4ml writes the vocabulary of an embedding otherwise")
        node.set_attr("config_cpp", config)
        last = (1 << bits) - 1
        beyond = f"word {words} is" if extra == 1 else f"words {words} to {last} are"
        text = f"layer {node.name}: {beyond} outside the vocabulary of {words} and read as word {words - 1}"
        add_notes(hls_model, [text])


def _text(kind: object) -> str:
    """An hls4ml type as users write it."""
    return str(kind).replace("ap_", "")
