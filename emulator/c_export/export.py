"""Writing the header, the example and how to build it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from l1forge.emulator.atomic import atomic_files, write_text
from l1forge.emulator.c_export.steps import StepWriter, storage
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.emulator.kernel.builder import LIMIT
from l1forge.emulator.kernel.intervals import magnitude
from l1forge.emulator.kernel.lowering import lower
from l1forge.emulator.kernel.program import Program

HEADER = """\
// {title}: fixed-point model as integer C++17, written by l1forge. Depends on nothing.
//
// int {name}_evaluate(const int32_t* input, int64_t* output)
//   one event: {inputs} integers in, {outputs} integers out (order below), in LSBs of their types.
//   Returns 0, or 1 + the index of the first input outside the range of its type (output is then untouched).
// int64_t {name}_evaluate_batch(const int32_t* input, int64_t* output, int64_t n)
//   n events, one after the other; returns 0, or 1 + the number of the first bad event.
//
// inputs:
{input_list}
// outputs:
{output_list}
#pragma once
#include <cstdint>

{model}

// Define {macro}_DECLARE_ONLY to see only the C interface; one translation unit must do without it.
extern "C" {{
#ifdef {macro}_DECLARE_ONLY
int {name}_evaluate(const std::int32_t* input, std::int64_t* output);
std::int64_t {name}_evaluate_batch(const std::int32_t* input, std::int64_t* output, std::int64_t n);
#else
int {name}_evaluate(const std::int32_t* input, std::int64_t* output) {{
  return {name}_model::evaluate(input, output);
}}
std::int64_t {name}_evaluate_batch(const std::int32_t* input, std::int64_t* output, std::int64_t n) {{
  return {name}_model::evaluate_batch(input, output, n);
}}
#endif
}}
"""

MODEL = """\
namespace {namespace} {{
inline constexpr int n_inputs = {inputs};
inline constexpr int n_outputs = {outputs};

namespace detail {{
// Rounding away `shift` bits; modes in ap_fixed's order TRN, TRN_ZERO, RND, RND_ZERO, RND_INF, RND_MIN_INF,
// RND_CONV. Right shifts of negative integers are arithmetic on every compiler this is meant for.
template <int mode, int shift>
constexpr std::int64_t round(std::int64_t v) {{
  if constexpr (shift <= 0) {{
    return v * (std::int64_t(1) << -shift);
  }} else {{
    constexpr std::int64_t half = std::int64_t(1) << (shift - 1);
    const std::int64_t floor = v >> shift;
    const std::int64_t rest = v - floor * (std::int64_t(1) << shift);
    if constexpr (mode == 0) return floor;
    if constexpr (mode == 1) return floor + (v < 0 && rest != 0);
    if constexpr (mode == 2) return floor + (rest >= half);
    if constexpr (mode == 3) return floor + (rest > half || (rest == half && v < 0));
    if constexpr (mode == 4) return floor + (rest > half || (rest == half && v >= 0));
    if constexpr (mode == 5) return floor + (rest > half);
    return floor + (rest > half || (rest == half && (floor & 1)));
  }}
}}

// Overflow: 1 wraps to `width` bits, 2 saturates to low .. high, 3 gives zero outside.
template <int mode, std::int64_t low, std::int64_t high, int width>
constexpr std::int64_t overflow(std::int64_t v) {{
  if constexpr (mode == 1) return ((v - low) & ((std::int64_t(1) << width) - 1)) + low;
  if constexpr (mode == 2) return v < low ? low : v > high ? high : v;
  return v < low || v > high ? 0 : v;
}}

{tables}
}}  // namespace detail

inline int evaluate(const std::int32_t* input, std::int64_t* output) {{
  using namespace detail;
{body}
  return 0;
}}

inline std::int64_t evaluate_batch(const std::int32_t* input, std::int64_t* output, std::int64_t n) {{
  for (std::int64_t e = 0; e < n; ++e)
    if (evaluate(input + e * n_inputs, output + e * n_outputs)) return 1 + e;
  return 0;
}}
}}  // namespace {namespace}
"""

EXAMPLE = """\
// Reads events from standard input ({inputs} integers each) and prints {outputs} integers per event.
// Build: c++ -std=c++17 -O3 -march=native {name}_example.cpp -o {name}_example
#include <cstdio>

#include "{name}.hpp"

int main() {{
  std::int32_t input[{name}_model::n_inputs];
  std::int64_t output[{name}_model::n_outputs];
  for (long event = 0;; ++event) {{
    for (int i = 0; i < {name}_model::n_inputs; ++i) {{
      const int got = std::scanf("%d", &input[i]);
      if (got == EOF && i == 0) return 0;
      if (got != 1) {{
        std::fprintf(stderr, "event %ld is incomplete\\n", event);
        return 2;
      }}
    }}
    if (const int bad = {name}_evaluate(input, output)) {{
      std::fprintf(stderr, "event %ld: input %d is out of range\\n", event, bad - 1);
      return 2;
    }}
    for (int i = 0; i < {name}_model::n_outputs; ++i)
      std::printf("%lld%c", static_cast<long long>(output[i]), i + 1 < {name}_model::n_outputs ? ' ' : '\\n');
  }}
}}
"""


def identifier(name: str) -> str:
    """A C identifier made of the harmless characters of ``name``."""
    cleaned = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:40]
    return cleaned if cleaned and cleaned[0].isalpha() else f"model_{cleaned}".rstrip("_")


def export_c(graph: Graph, folder: Path, outputs: Iterable[str] | None = None) -> Path:
    """Write ``NAME.hpp`` and ``NAME_example.cpp`` into ``folder`` (made if missing).

    Returns
    -------
    Path of the header.

    Raises
    ------
    InputError
        If a node cannot be computed with 64-bit integers, or an input needs more than 32 bits.
    """
    program = lower(graph, outputs)
    name = identifier(graph.name)
    inputs, count = _sizes(program)
    text = {
        "title": re.sub(r"[^A-Za-z0-9_. -]", "_", graph.name),
        "name": name,
        "macro": name.upper(),
        "inputs": inputs,
        "outputs": count,
        "input_list": _listed([(s.node.name, str(s.node.type), s.value.rows) for s in program.sources]),
        "output_list": _listed(
            [(n, f"{v.rows} x 2^{-v.fraction}", v.rows) for n, v in program.outputs.items()]
        ),
        "model": _model(program, f"{name}_model").rstrip("\n"),
    }
    with atomic_files(folder) as temporary:
        write_text(temporary / f"{name}.hpp", HEADER.format(**text))
        write_text(temporary / f"{name}_example.cpp", EXAMPLE.format(**text))
    return folder / f"{name}.hpp"


def model_namespace(graph: Graph, namespace: str, outputs: Iterable[str] | None = None) -> str:
    """The C++17 of ``graph`` alone, all in ``namespace``: ``n_inputs``, ``n_outputs``, ``evaluate``, ...

    It needs ``<cstdint>`` included before, and says nothing about linkage: no C interface, no include guard.

    Raises
    ------
    InputError
        As ``export_c``.
    """
    return _model(lower(graph, outputs), namespace)


def _sizes(program: Program) -> tuple[int, int]:
    """Elements of all inputs and of all outputs."""
    return sum(s.value.rows for s in program.sources), sum(v.rows for v in program.outputs.values())


def _model(program: Program, namespace: str) -> str:
    writer = StepWriter()
    body = _inputs(program)
    for value in program.values:
        if any(step.out is value for step in program.steps):
            if magnitude(value.interval) > LIMIT:
                raise InputError("needs more than 62 bits", field=f"node {value.name}")
            body.append(f"  {storage(value)} v{value.number}[{max(value.rows, 1)}];")
    for step in program.steps:
        writer.write(step)
    body += writer.lines
    count = 0
    for value in program.outputs.values():
        copy = f"output[{count} + i] = v{value.number}[i];"
        body.append(f"  for (int i = 0; i < {value.rows}; ++i) {copy}")
        count += value.rows
    return MODEL.format(
        namespace=namespace,
        inputs=_sizes(program)[0],
        outputs=count,
        tables="\n".join(writer.tables),
        body="\n".join(body),
    )


def _inputs(program: Program) -> list[str]:
    lines, base = [], 0
    for source in program.sources:
        type_, rows = source.node.type, source.value.rows
        if type_.width > 32 or type_.maximum >= 1 << 31:
            raise InputError(
                "input needs more than 32 bits", field=f"node {source.node.name}", value=str(type_)
            )
        if rows:
            x = f"input[{base} + i]"
            test = f"{x} < INT64_C({type_.minimum}) || {x} > INT64_C({type_.maximum})"
            lines.append(f"  for (int i = 0; i < {rows}; ++i)")
            lines.append(f"    if ({test}) return 1 + {base} + i;")
        lines.append(f"  const std::int32_t* v{source.value.number} = input + {base};")
        lines.append(f"  (void)v{source.value.number};")
        base += rows
    return lines


def _listed(entries: list[tuple[str, str, int]]) -> str:
    lines, first = [], 0
    for name, type_, rows in entries:
        safe = re.sub(r"[^A-Za-z0-9_.-]", "_", name)
        lines.append(f"//   {first} .. {first + rows - 1}: {safe}, {type_}")
        first += rows
    return "\n".join(lines)
