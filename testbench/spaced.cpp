// The harness for designs that take an event only every few clocks; driven by spaced.py.
#include "harness.cpp"

// As bench_run, but events are at least `interval` clocks apart; a quarter of the gaps is one clock longer.
extern "C" void bench_run_spaced(void* handle, const uint32_t* events, int64_t n, uint32_t* results, int interval,
                                 int64_t* counts) {
    auto* bench = static_cast<Bench*>(handle);
    Vtop& top = *bench->top;
    constexpr size_t in_bytes = sizeof(top.in_word), out_bytes = sizeof(top.out_word);
    constexpr size_t in_words = in_bytes / 4, out_words = out_bytes / 4;
    int64_t sent = 0, seen = 0, clocks = 0, wrong = 0, wait = 0;
    int64_t drain = 2 * bench->latency;
    while (sent < n || drain-- > 0) {
        const bool valid = sent < n && wait <= 0;
        if (valid) {
            std::memcpy(&top.in_word[0], events + sent * in_words, in_bytes);
            ++sent;
            wait = interval + (bench->draw() >> 62 == 0);
        } else {
            for (size_t i = 0; i < in_words; ++i) top.in_word[i] = static_cast<uint32_t>(bench->draw() >> 32);
        }
        --wait;
        top.in_valid = valid;
        uint8_t& slot = bench->history[bench->cycle % bench->latency];
        if (bool(top.out_valid) != bool(slot)) ++wrong;
        if (top.out_valid) {
            if (seen < n) std::memcpy(results + seen * out_words, &top.out_word[0], out_bytes);
            ++seen;
        }
        slot = valid;
        ++bench->cycle;
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
        ++clocks;
    }
    counts[0] = clocks;
    counts[1] = seen;
    counts[2] = wrong;
}
