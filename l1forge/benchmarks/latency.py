"""One event, one call: the exported C++ header compiled with g++, timed in C++."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.c_export import export_c
from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.tools import children

FLAGS = ("-std=c++17", "-O3", "-march=native")
EVENTS = 1024

PROGRAM = """\
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "{name}.hpp"

int main(int argc, char** argv) {{
  std::FILE* file = std::fopen(argv[argc - 1], "rb");
  std::vector<std::int32_t> input({events} * {name}_model::n_inputs);
  if (!file || std::fread(input.data(), 4, input.size(), file) != input.size()) return 1;
  std::int64_t output[{name}_model::n_outputs];
  std::vector<double> times;
  std::int64_t sum = 0;
  for (int repeat = 0; repeat < 40; ++repeat) {{
    const auto start = std::chrono::steady_clock::now();
    for (int e = 0; e < {events}; ++e) {{
      if ({name}_evaluate(&input[e * {name}_model::n_inputs], output)) return 2;
      sum += output[0];
    }}
    const std::chrono::duration<double, std::nano> taken = std::chrono::steady_clock::now() - start;
    times.push_back(taken.count() / {events});
  }}
  std::sort(times.begin(), times.end());
  std::printf("%.1f %lld\\n", times[times.size() / 2], static_cast<long long>(sum));
}}
"""


def single_event_ns(graph: Graph, rows: NDArray[np.int64], outputs: list[str] | None = None) -> float:
    """Nanoseconds of one call with one event of ``rows`` (n, inputs), n at least 1024.

    Raises
    ------
    InputError
        If g++ is missing or fails.
    """
    with tempfile.TemporaryDirectory(prefix="bench_c_") as place:
        folder = Path(place)
        header = export_c(graph, folder, outputs)
        (folder / "latency.cpp").write_text(PROGRAM.format(name=header.stem, events=EVENTS))
        rows[:EVENTS].astype(np.int32).tofile(folder / "events.bin")
        command = ["g++", *FLAGS, "latency.cpp", "-o", "latency"]
        try:
            children.run(command, cwd=folder).check_returncode()
            answer = children.run(["./latency", "events.bin"], cwd=folder)
            answer.check_returncode()
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            raise InputError(f"cannot time the C++ header: {error}", remedy="install g++") from error
    return float(answer.stdout.split()[0])
