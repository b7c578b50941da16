"""Reads nnet_code_gen.h: the functions that hls4ml writes out for one model instead of calling a template.

These are quantisers with a type for each element (HGQ), straight-line logic (distributed arithmetic, by
da4ml), the kernels that apply it in an einsum, and the windows of convolutions.
"""

from __future__ import annotations

import re

from l1forge.firmware.hls.project.source import EinsumKernel, Logic, Source

_QUANTISER = re.compile(r"void\s+(\w+)\s*\(input_t \*inp, output_t \*out\)\s*\{(.*?)\n\}", flags=re.S)
_ELEMENT = re.compile(r"out\[(\d+)\] = (?:(ap_u?fixed<[^>]*>)\(inp\[(\d+)\]\)|0);")
_LOGIC = re.compile(
    r"void\s+(\w+)\s*\(\s*(?:const\s+)?\w+\s+(\w+)\s*\[(\d+)\],\s*\w+\s+(\w+)\s*\[(\d+)\]\s*\)"
    r"\s*\{[^\n]*\n(.*?)\n\s*\}",
    flags=re.S,
)
_KERNEL = re.compile(r"void\s+(\w+)\s*\(\s*inp_t inp_tpose\[[^{]*\{(.*?)\n\}", flags=re.S)
_KERNEL_CALL = re.compile(
    r"(\w+)\(&inp_tpose\[\((\d+) \* \d+ \+ l0\) \* \d+\], &out_tpose\[\((\d+) \* \d+ \+ l0\) \* \d+\]\);"
)
_BUFFER = re.compile(r"class (fill_buffer_\d+) (.*?)\n\};", flags=re.S)
_PARTITION = re.compile(r"if \(partition ==\s*(\d+)\)\s*\{(.*?)\n\s*\}", flags=re.S)
_CELL = re.compile(r"buffer\[(\d+)\]\[(\d+)\] =\s*(?:data\[(\d+)\]|0);")


def read_generated(source: Source, text: str) -> None:
    """Put every generated function that is understood into ``source``; a call of another is refused later."""
    _read_quantisers(source, text)
    for name, given, n_in, taken, n_out, body in _LOGIC.findall(text):
        if taken != "model_out":  # packages and other versions of da4ml name the arguments otherwise
            body = re.sub(rf"\b{taken}\b(?=\s*\[)", "model_out", body)
        if given != "model_inp":
            body = re.sub(rf"\b{given}\b(?=\s*\[)", "model_inp", body)
        source.logic[name] = Logic(name, int(n_in), int(n_out), body)
    for name, body in _KERNEL.findall(text):
        parts = _KERNEL_CALL.findall(body)
        if parts and all(int(a) == int(b) == i for i, (_, a, b) in enumerate(parts)):
            source.kernels[name] = EinsumKernel(tuple(function for function, _, _ in parts))
    for name, body in _BUFFER.findall(text):
        _read_buffer(source, name, body)


def _read_quantisers(source: Source, text: str) -> None:
    for name, body in _QUANTISER.findall(text):
        elements = _ELEMENT.findall(body)
        if [int(out) for out, _, _ in elements] == list(range(body.count("out["))) and all(
            place in ("", out) for out, _, place in elements
        ):
            source.quantisers[name] = [kind or "0" for _, kind, _ in elements]


def _read_buffer(source: Source, name: str, body: str) -> None:
    """Windows of a convolution: for each pixel of each partition the input elements, -1 for a zero."""
    rows: list[list[int]] = []
    for number, block in _PARTITION.findall(body):
        cells = _CELL.findall(block)
        first = len(rows)
        for pixel, tap, place in cells:
            if int(tap) == 0:
                rows.append([])
            if (int(pixel), int(tap)) != (len(rows) - first - 1, len(rows[-1])):
                return
            rows[-1].append(int(place) if place else -1)
        if block.count("buffer[") != len(cells) or int(number) * (len(rows) - first) != first:
            return
    source.buffers[name] = rows
