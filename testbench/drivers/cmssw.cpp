// Runs emulator packages as the offline software does: all libraries are loaded first, then T threads, each with
// an instance of its own of every model, share the rows and call the models in turn.
// Arguments: T, then for each library: path, inputs, results, file of inputs (int32 rows), file to write (int64 rows).
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "hls4ml/emulator.h"

struct Job {
  hls4mlEmulator::Model* (*create)();
  void (*destroy)(hls4mlEmulator::Model*);
  std::size_t inputs, results, rows;
  std::vector<std::int32_t> given;
  std::vector<std::int64_t> found;
  std::string file;
};

static void run(std::vector<Job>& jobs, std::size_t first, std::size_t step, std::string& error) {
  try {
    std::vector<hls4mlEmulator::Model*> models;
    std::size_t most = 0;
    for (auto& job : jobs) {
      models.push_back(job.create());
      most = job.rows > most ? job.rows : most;
    }
    for (std::size_t row = first; row < most; row += step)
      for (std::size_t j = 0; j < jobs.size(); ++j) {
        Job& job = jobs[j];
        if (row >= job.rows) continue;
        models[j]->prepare_input(static_cast<const std::int32_t*>(job.given.data() + row * job.inputs));
        models[j]->predict();
        models[j]->read_result(job.found.data() + row * job.results);
      }
    for (std::size_t j = 0; j < jobs.size(); ++j) jobs[j].destroy(models[j]);
  } catch (const std::exception& thrown) {
    error = thrown.what();
  }
}

int main(int count, char** arguments) {
  const std::size_t threads = std::strtoul(arguments[1], nullptr, 10);
  std::vector<Job> jobs;
  for (int i = 2; i + 4 < count; i += 5) {
    // RTLD_GLOBAL is the worst case: a symbol that is not hidden would be taken from the first library.
    void* library = dlopen(arguments[i], RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
      std::fprintf(stderr, "%s\n", dlerror());
      return 2;
    }
    Job job{};
    job.create = reinterpret_cast<hls4mlEmulator::Model* (*)()>(dlsym(library, "create_model"));
    job.destroy = reinterpret_cast<void (*)(hls4mlEmulator::Model*)>(dlsym(library, "destroy_model"));
    if (!job.create || !job.destroy) {
      std::fprintf(stderr, "create_model or destroy_model is missing in %s\n", arguments[i]);
      return 2;
    }
    job.inputs = std::strtoul(arguments[i + 1], nullptr, 10);
    job.results = std::strtoul(arguments[i + 2], nullptr, 10);
    std::ifstream in(arguments[i + 3], std::ios::binary | std::ios::ate);
    job.given.resize(static_cast<std::size_t>(in.tellg()) / sizeof(std::int32_t));
    in.seekg(0);
    in.read(reinterpret_cast<char*>(job.given.data()), static_cast<std::streamsize>(job.given.size() * 4));
    job.rows = job.given.size() / job.inputs;
    job.found.resize(job.rows * job.results);
    job.file = arguments[i + 4];
    jobs.push_back(std::move(job));
  }
  std::vector<std::string> errors(threads);
  std::vector<std::thread> running;
  for (std::size_t t = 0; t < threads; ++t)
    running.emplace_back(run, std::ref(jobs), t, threads, std::ref(errors[t]));
  for (auto& thread : running) thread.join();
  for (auto& error : errors)
    if (!error.empty()) {
      std::fprintf(stderr, "%s\n", error.c_str());
      return 3;
    }
  for (auto& job : jobs) {
    std::ofstream out(job.file, std::ios::binary);
    out.write(reinterpret_cast<const char*>(job.found.data()), static_cast<std::streamsize>(job.found.size() * 8));
    if (!out) return 2;
  }
  return 0;
}
