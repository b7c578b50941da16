"""The exported package of the offline software, and the ap_fixed C++ of the same graph, timed in C++."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from l1forge.emulator.errors import InputError
from l1forge.emulator.graph.graph import Graph
from l1forge.firmware.cmssw import write_cmssw
from l1forge.firmware.cmssw.project import chosen
from l1forge.firmware.cmssw.texts import FLAGS, INTERFACE
from l1forge.firmware.hls.project.bridge import installed_ap_types
from l1forge.firmware.hls.written.project import refused, write
from l1forge.firmware.tools import children
from l1forge.testbench.cmssw import build
from l1forge.testbench.cosim import emulator_of
from l1forge.testbench.stimuli import Block

REPEATS = 15
PACKAGE = """
#include <dlfcn.h>
#include "hls4ml/emulator.h"
static hls4mlEmulator::Model* load(const char* file) {
  void* library = dlopen(file, RTLD_NOW);
  if (!library) { std::fprintf(stderr, "%s\\n", dlerror()); std::exit(2); }
  return reinterpret_cast<hls4mlEmulator::Model* (*)()>(dlsym(library, "create_model"))();
}
struct Caller {
  hls4mlEmulator::Model* model;
  explicit Caller(const char* file) : model(load(file)) {}
  void operator()(const std::int32_t* in, std::int64_t* out) {
    model->prepare_input(in);
    model->predict();
    model->read_result(out);
  }
};
"""
AP_FIXED = """
extern "C" void ROWS(const long long* in, long long* out, long long n);
struct Caller {
  explicit Caller(const char*) {}
  std::int64_t given[INPUTS];
  void operator()(const std::int32_t* in, std::int64_t* out) {
    for (int i = 0; i < INPUTS; ++i) given[i] = in[i];
    ROWS(reinterpret_cast<const long long*>(given), reinterpret_cast<long long*>(out), 1);
  }
};
"""
PROGRAM = """
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <vector>
CALLER
static double pass(Caller& call, const std::vector<std::int32_t>& in, std::vector<std::int64_t>& out) {
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t row = 0; row < EVENTS; ++row) call(&in[row * INPUTS], &out[row * RESULTS]);
  return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start).count() / EVENTS;
}
int main(int, char** files) {
  std::vector<std::int32_t> in(EVENTS * INPUTS);
  std::ifstream(files[2], std::ios::binary).read(reinterpret_cast<char*>(in.data()), in.size() * 4);
  std::vector<std::int64_t> out(EVENTS * RESULTS);
  Caller one(files[1]);
  std::vector<double> times;
  for (int i = 0; i < REPEATS; ++i) times.push_back(pass(one, in, out));
  std::sort(times.begin(), times.end());
  using clock = std::chrono::steady_clock;
  const auto start = clock::now();
  std::vector<std::thread> running;
  for (int t = 0; t < THREADS; ++t)
    running.emplace_back([&] {
      Caller own(files[1]);
      std::vector<std::int64_t> mine(EVENTS * RESULTS);
      for (int i = 0; i < REPEATS; ++i) pass(own, in, mine);
    });
  for (auto& thread : running) thread.join();
  const std::chrono::duration<double, std::nano> all = clock::now() - start;
  std::ofstream(files[3], std::ios::binary).write(reinterpret_cast<char*>(out.data()), out.size() * 8);
  const double each = all.count() / EVENTS / REPEATS / THREADS;
  std::printf("%.2f %.2f %.2f\\n", times[times.size() / 2], times[0], each);
}
"""


@dataclass(frozen=True)
class Speed:
    """``call_ns``: one call with one event (median), ``best_ns``; ``event_ns``: per event of all threads."""

    call_ns: float
    best_ns: float
    event_ns: float
    threads: int


def package_speed(graph: Graph, rows: Block, threads: int) -> Speed:
    """The package that ``export-cmssw`` writes of the graph's first output, called event by event.

    Raises
    ------
    InputError
        If the graph has no integer C++, g++ is missing, or a result differs from the emulator's.
    """
    part = chosen(graph, graph.outputs[0])
    expected = emulator_of(part)(rows)
    with tempfile.TemporaryDirectory(prefix="bench_cmssw_") as place:
        work = Path(place)
        vectors = {"bench": (rows[:1], expected[:1])}
        project = write_cmssw(part, work / "package", "v1", name="bench", vectors=vectors)
        library = build(project, work)
        (work / "hls4ml").mkdir()
        (work / "hls4ml/emulator.h").write_text(INTERFACE, encoding="utf-8")
        return _timed(work, PACKAGE, library, rows, expected, threads)


def ap_fixed_speed(graph: Graph, rows: Block, threads: int) -> Speed | None:
    """The ap_fixed C++ that ``firmware`` writes of the same graph, compiled alike; None: there is none.

    Raises
    ------
    InputError
        If g++ is missing, or a result differs from the emulator's.
    """
    part = chosen(graph, graph.outputs[0])
    if refused(part):
        return None
    expected = emulator_of(part)(rows)
    with tempfile.TemporaryDirectory(prefix="bench_hls_") as place:
        work = Path(place)
        write(part, work / "project")
        (source,) = (work / "project/firmware").glob("*.cpp")
        library = work / "lib.so"
        shown = [flag for flag in FLAGS if not flag.startswith("-fvisibility")]
        command = ["g++", *shown, "-w", "-shared", f"-I{installed_ap_types()}", str(source)]
        _run([*command, "-o", str(library)], work)
        caller = AP_FIXED.replace("ROWS", f"{source.stem}_rows")
        return _timed(work, caller, library, rows, expected, threads, [str(library), f"-Wl,-rpath,{work}"])


def _timed(
    work: Path,
    caller: str,
    library: Path,
    rows: Block,
    expected: NDArray[np.int64],
    threads: int,
    more: list[str] | None = None,
) -> Speed:
    text = PROGRAM.replace("CALLER", caller)
    sizes = {"INPUTS": rows.shape[1], "RESULTS": expected.shape[1], "EVENTS": len(rows)}
    defined = [
        f"-D{name}={value}" for name, value in (sizes | {"REPEATS": REPEATS, "THREADS": threads}).items()
    ]
    (work / "speed.cpp").write_text(text, encoding="utf-8")
    np.ascontiguousarray(rows, np.int32).tofile(work / "in")
    command = ["g++", "-std=c++17", "-O2", "-pthread", *defined, f"-I{work}", "speed.cpp", *(more or [])]
    _run([*command, "-ldl", "-o", "speed"], work)
    said = _run([str(work / "speed"), str(library), "in", "out"], work)
    found = np.fromfile(work / "out", np.int64).reshape(expected.shape)
    if not np.array_equal(found, expected):
        raise InputError("computes other results than the emulator: its speed means nothing", file=library)
    call, best, event = (float(word) for word in said.split())
    return Speed(call, best, event, threads)


def _run(command: list[str], work: Path) -> str:
    try:
        done = children.run(command, cwd=work)
    except FileNotFoundError as error:
        raise InputError("compiler not found", field=command[0], remedy="install g++") from error
    if done.returncode:
        said = " | ".join((done.stderr or done.stdout).strip().splitlines()[:3])
        raise InputError(f"cannot be timed: {said[:400]}", file=os.fspath(work))
    return str(done.stdout)
