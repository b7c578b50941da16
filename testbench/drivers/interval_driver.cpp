// The harness for designs that take an event only every few clocks; driven by interval_driver.py.
#include "harness.cpp"

// As bench_run, but events are at least `interval` clocks apart; a quarter of the gaps is one clock longer.
extern "C" void bench_run_spaced(void* handle, const uint32_t* events, int64_t n, uint32_t* results, int interval,
                                 int64_t* counts) {
    auto* bench = static_cast<Bench*>(handle);
    int64_t wait = 0;
    drive(bench, events, n, results, false, counts, [&] {
        if (--wait >= 0) return false;
        wait = interval - 1 + (bench->draw() >> 62 == 0);
        return true;
    });
}
