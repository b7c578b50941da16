"""The C++ around a model's integers: interface, class, test program, Makefile. Only checked names enter."""

from __future__ import annotations

FLAGS = (
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-Wall",
    "-Wextra",
    "-fvisibility=hidden",
    "-fvisibility-inlines-hidden",
)
"""Compiler flags of the library; Makefile and verification use the same."""

INTERFACE = """\
// The interface through which the offline software calls a model, for building this folder alone. The
// virtual functions stand in the order of the experiment's hls4ml/emulator.h; there, use that file:
// make EMULATOR=DIR.
#ifndef HLS4ML_EMULATOR_H_
#define HLS4ML_EMULATOR_H_
#include <any>

namespace hls4mlEmulator {
class __attribute__((visibility("default"))) Model {
 public:
  virtual void prepare_input(std::any input) = 0;
  virtual void predict() = 0;
  virtual void read_result(std::any result) = 0;
  virtual ~Model() = default;
};
}  // namespace hls4mlEmulator
#endif
"""

NETWORK = """\
// {base}: integers of the graph, written by l1forge from graph {digest}
#pragma once
#include <cstdint>

// Hidden, whatever the flags: a second model in the process never gets these symbols.
#pragma GCC visibility push(hidden)
{model}
#pragma GCC visibility pop
"""

EMULATOR = """\
// {base} behind the interface of the offline software; written by l1forge.
//
// prepare_input: const std::int32_t* or std::int32_t* to {inputs} hardware codes, ordered as in scales.h.
//   They are copied. A code outside its range: std::out_of_range. Another type: std::bad_any_cast.
// read_result: std::int64_t* to {outputs} integer(s), std::array<std::int64_t, {outputs}>*{pair}.
//   Values are raw integers; scales.h has the value of one LSB. A call out of order: std::logic_error.
#include <any>
#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "NN/{base}.h"
#include "hls4ml/emulator.h"
#include "scales.h"

#pragma GCC visibility push(hidden)
namespace {namespace} {{
static_assert(n_inputs == N_INPUT && n_outputs == N_OUTPUT, "scales.h is of another model");

class Emulator final : public hls4mlEmulator::Model {{
 public:
  void prepare_input(std::any input) override {{
    const std::int32_t* codes = nullptr;
    if (auto writable = std::any_cast<std::int32_t*>(&input))
      codes = *writable;
    else
      codes = std::any_cast<const std::int32_t*>(input);
    for (int i = 0; i < N_INPUT; ++i)
      if (codes[i] < inputs[i].minimum || codes[i] > inputs[i].maximum)
        throw std::out_of_range("{base}: input " + std::to_string(i) + " is " + std::to_string(codes[i]) +
                                ", outside " + inputs[i].type);
    for (int i = 0; i < N_INPUT; ++i) input_[i] = codes[i];
    state_ = prepared;
  }}

  void predict() override {{
    if (state_ == empty) throw std::logic_error("{base}: predict() before prepare_input()");
    if (const int bad = evaluate(input_.data(), result_.data()))
      throw std::out_of_range("{base}: input " + std::to_string(bad - 1) + " is out of range");
    state_ = predicted;
  }}

  void read_result(std::any result) override {{
    if (state_ != predicted) throw std::logic_error("{base}: read_result() before predict()");
    using Results = std::array<std::int64_t, N_OUTPUT>;
{read_pair}    if (auto all = std::any_cast<Results*>(&result)) {{
      **all = result_;
    }} else {{
      auto first = std::any_cast<std::int64_t*>(result);
      for (int i = 0; i < N_OUTPUT; ++i) first[i] = result_[i];
    }}
  }}

 private:
  enum State {{ empty, prepared, predicted }};
  std::array<std::int32_t, N_INPUT> input_{{}};
  std::array<std::int64_t, N_OUTPUT> result_{{}};
  State state_ = empty;
}};
}}  // namespace {namespace}
#pragma GCC visibility pop

extern "C" {{
__attribute__((visibility("default"))) hls4mlEmulator::Model* create_model() {{
  return new {namespace}::Emulator;
}}
__attribute__((visibility("default"))) void destroy_model(hls4mlEmulator::Model* model) {{ delete model; }}
}}
"""

PAIR = """, or as in the deployed anomaly triggers
//   std::pair<std::array<std::int64_t, 1>, std::int64_t>* (result, score: the same integer)"""
READ_PAIR = """\
    if (auto both = std::any_cast<std::pair<Results, std::int64_t>*>(&result)) {
      (*both)->first = result_;
      (*both)->second = result_[0];
      return;
    }
"""

SCALES = """\
// Inputs and results of {base}; written by l1forge. A model's input is the hardware code itself.
#pragma once
#include <cstdint>

#pragma GCC visibility push(hidden)
namespace {namespace} {{
inline constexpr int N_INPUT = {inputs};
inline constexpr int N_OUTPUT = {outputs};

// The model takes (code - offset) >> shift; both are 0, since the graph holds all scaling.
inline constexpr int ad_offsets[N_INPUT] = {{}};
inline constexpr int ad_shift[N_INPUT] = {{}};

// column: event column and slot that feeds the input, "0": always zero, "": not named by the graph.
// lsb: physical value of one code of the column, in unit; without a column, that of the type.
struct Input {{
  const char* column;
  const char* type;
  std::int64_t minimum, maximum;
  double lsb;
  const char* unit;
}};
inline constexpr Input inputs[N_INPUT] = {{
{input_rows}
}};

struct Output {{
  const char* name;
  const char* type;
  double lsb;
}};
inline constexpr Output outputs[N_OUTPUT] = {{
{output_rows}
}};
}}  // namespace {namespace}
#pragma GCC visibility pop
"""

TEST = """\
// Loads {base}.so as the offline software does and compares it with test/vectors.txt, integer by integer.
// Exit code: 0 all equal, 1 a difference, 2 the library or the vectors cannot be used.
#include <dlfcn.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "../hls4ml/emulator.h"

namespace {{
constexpr int N_INPUT = {inputs}, N_OUTPUT = {outputs}, N_VECTORS = {vectors};

int fail(const char* text, const char* more) {{
  std::fprintf(stderr, "{base}: %s %s\\n", text, more);
  return 2;
}}

int run(const char* library, const char* file) {{
  void* handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  if (!handle) return fail("cannot load:", dlerror());
  auto create = reinterpret_cast<hls4mlEmulator::Model* (*)()>(dlsym(handle, "create_model"));
  auto destroy = reinterpret_cast<void (*)(hls4mlEmulator::Model*)>(dlsym(handle, "destroy_model"));
  if (!create || !destroy) return fail("create_model or destroy_model is missing in", library);
  hls4mlEmulator::Model* model = create();
  std::ifstream given(file);
  std::string title;
  std::getline(given, title);
  std::vector<std::int32_t> input(N_INPUT);
  std::array<std::int64_t, N_OUTPUT> expected{{}}, found{{}};
  int read = 0, wrong = 0;
  for (; read < N_VECTORS; ++read) {{
    for (auto& value : input) given >> value;
    for (auto& value : expected) given >> value;
    if (!given) break;
    model->prepare_input(static_cast<const std::int32_t*>(input.data()));
    model->predict();
    model->read_result(&found);
    bool equal = found == expected;
    found.fill(-1);
    model->read_result(found.data());
    equal = equal && found == expected;
{test_pair}    if (!equal && !wrong++)
      std::printf("vector %d differs: expected %lld, found %lld first\\n", read,
                  static_cast<long long>(expected[0]), static_cast<long long>(found[0]));
  }}
  std::string rest;
  destroy(model);
  dlclose(handle);
  if (read < N_VECTORS || given >> rest) return fail("another number of vectors than written in", file);
  std::printf("{base}: %d of %d vectors differ\\n", wrong, read);
  return wrong ? 1 : 0;
}}
}}  // namespace

int main(int count, char** arguments) {{
  try {{
    return run(count > 1 ? arguments[1] : "./{base}.so", count > 2 ? arguments[2] : "test/vectors.txt");
  }} catch (const std::exception& error) {{
    return fail("refused a vector:", error.what());
  }}
}}
"""
TEST_PAIR = """\
    std::pair<std::array<std::int64_t, N_OUTPUT>, std::int64_t> both{};
    model->read_result(&both);
    equal = equal && both.first == expected && both.second == expected[0];
"""

MAKEFILE = """\
# make: {base}.so; make test: compares it with test/vectors.txt.
# EMULATOR: folder that holds hls4ml/emulator.h.
CXX ?= g++
EMULATOR ?= .
CXXFLAGS ?=
FLAGS = {flags}
SOURCES = {base}_emulator.cpp NN/{base}.h scales.h

all: {base}.so

{base}.so: $(SOURCES)
\t$(CXX) $(FLAGS) $(CXXFLAGS) -shared -I$(EMULATOR) -I. $< -o $@

test/test_{base}: test/test_{base}.cpp
\t$(CXX) -std=c++17 -O1 $(CXXFLAGS) -I$(EMULATOR) $< -o $@ -ldl

test: {base}.so test/test_{base}
\t./test/test_{base} ./{base}.so test/vectors.txt

clean:
\trm -f {base}.so test/test_{base}

.PHONY: all test clean
"""

README = """\
# {base}

Emulator package of `{model}`, version {version}, for the offline software. All arithmetic is on integers
(C++17, no other library) and equal to the graph's: `make test` compares {vectors} vectors.

```console
make EMULATOR=/path/to/hls4mlEmulatorExtras/include   # or only `make`, with the interface of this folder
make test
```

`{base}.so` has `create_model` and `destroy_model`; all else of the model is hidden, in namespace
`{namespace}`: several models, and several versions, work in one process. An instance is
used by one thread at a time; create it once, call it often.

| call | with |
|---|---|
| `prepare_input` | `const std::int32_t*` (or `std::int32_t*`): {inputs} codes, ordered as in `scales.h` |
| `predict` | |
| `read_result` | {results} |

Results are raw integers: multiply by the LSB for the value. An input outside its range throws
`std::out_of_range`, a pointer of another type `std::bad_any_cast`, a call out of order `std::logic_error`.

| result | type | LSB |
|---|---|---|
{output_table}

| file | holds |
|---|---|
| `NN/{base}.h` | the model |
| `{base}_emulator.cpp` | the class behind the interface |
| `scales.h` | event column, type, range and physical LSB of each input; LSB of the results |
| `hls4ml/emulator.h` | the interface, for building alone |
| `test/` | test program and vectors |
| `cmssw.json` | what this is, read by `l1forge export-cmssw --check` |
"""
