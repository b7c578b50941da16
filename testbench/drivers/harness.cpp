// Streams packed events through a Verilated design, one per clock with random gaps, at full speed.
// Compiled into a shared library together with the model that cocotb also simulates; driven by harness.py.
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "Vtop___024root.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

struct Toggle {  // bits of one register that were seen to rise and to fall
    std::vector<uint32_t> last, rose, fell;
    bool known = false;

    void see(const uint32_t* now, size_t words) {
        if (!known) {
            last.assign(now, now + words);
            rose.assign(words, 0);
            fell.assign(words, 0);
            known = true;
            return;
        }
        for (size_t i = 0; i < words; ++i) {
            const uint32_t changed = last[i] ^ now[i];
            rose[i] |= changed & now[i];
            fell[i] |= changed & last[i];
            last[i] = now[i];
        }
    }
};

template <std::size_t N> void see(Toggle& toggle, const VlWide<N>& value) { toggle.see(value.data(), N); }
template <typename T> void see(Toggle& toggle, const T& value) {
    uint32_t words[sizeof(T) > 4 ? 2 : 1];
    for (size_t i = 0; i < sizeof(words) / 4; ++i) words[i] = static_cast<uint32_t>(uint64_t(value) >> (32 * i));
    toggle.see(words, sizeof(words) / 4);
}

#include "registers.inc"  // REGISTERS: how many, and see_registers(root, toggles)

struct Bench {
    VerilatedContext context;
    std::unique_ptr<Vtop> top;
    uint64_t random;
    uint64_t cycle = 0;
    int latency;
    std::vector<uint8_t> history;  // in_valid of the last `latency` clocks
    std::vector<Toggle> toggles{REGISTERS + 2};

    Bench(int latency_, uint64_t seed)
        : top(new Vtop(&context)), random(seed | 1), latency(latency_), history(latency_, 0) {}

    uint64_t draw() {  // xorshift64*: Marsaglia 2003, Vigna 2016
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        return random * 2685821657736338717ull;
    }
};

// Drives n events (in_words words each), waits for the pipeline to drain, writes at most n results.
// may_send: whether this clock may carry the next event; the others carry random data.
// counts: {clocks, results seen, clocks on which out_valid was not in_valid `latency` clocks earlier}
template <class MaySend>
void drive(Bench* bench, const uint32_t* events, int64_t n, uint32_t* results, bool watch, int64_t* counts,
           MaySend may_send) {
    Vtop& top = *bench->top;
    constexpr size_t in_bytes = sizeof(top.in_word), out_bytes = sizeof(top.out_word);
    constexpr size_t in_words = in_bytes / 4, out_words = out_bytes / 4;
    int64_t sent = 0, seen = 0, clocks = 0, wrong = 0;
    int64_t drain = 2 * bench->latency;
    while (sent < n || drain-- > 0) {
        const bool valid = sent < n && may_send();
        if (valid) {
            std::memcpy(&top.in_word[0], events + sent * in_words, in_bytes);
            ++sent;
        } else {
            for (size_t i = 0; i < in_words; ++i) top.in_word[i] = static_cast<uint32_t>(bench->draw() >> 32);
        }
        top.in_valid = valid;
        uint8_t& slot = bench->history[bench->cycle % bench->latency];
        if (bool(top.out_valid) != bool(slot)) ++wrong;
        if (top.out_valid) {
            if (seen < n) std::memcpy(results + seen * out_words, &top.out_word[0], out_bytes);
            ++seen;
        }
        slot = valid;
        ++bench->cycle;
        if (watch) {
            see(bench->toggles[0], top.in_word);
            see(bench->toggles[1], top.out_word);
            see_registers(*top.rootp, bench->toggles.data() + 2);
        }
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

}  // namespace

extern "C" {

void* bench_open(int latency, uint64_t seed) {
    auto* bench = new Bench(latency, seed);
    Vtop& top = *bench->top;
    top.clk = 0;
    top.rst = 1;
    top.in_valid = 0;
    top.eval();
    for (int i = 0; i < 4; ++i) {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }
    top.rst = 0;
    top.eval();
    return bench;
}

void bench_close(void* handle) {
    auto* bench = static_cast<Bench*>(handle);
    bench->top->final();
    delete bench;
}

// gap256: probability of an idle clock in units of 1/256.
void bench_run(void* handle, const uint32_t* events, int64_t n, uint32_t* results, int gap256, int watch,
               int64_t* counts) {
    auto* bench = static_cast<Bench*>(handle);
    drive(bench, events, n, results, watch, counts, [=] { return int(bench->draw() >> 56) >= gap256; });
}

// A reset of one clock while the pipeline is full of `event`: clocks on which a result still came after it.
int64_t bench_reset(void* handle, const uint32_t* event) {
    auto* bench = static_cast<Bench*>(handle);
    Vtop& top = *bench->top;
    int64_t wrong = 0;
    std::memcpy(&top.in_word[0], event, sizeof(top.in_word));
    top.in_valid = 1;
    for (int clock = 0; clock < 3 * bench->latency + 1; ++clock) {
        top.rst = clock == bench->latency;
        if (clock > bench->latency) {
            top.in_valid = 0;
            wrong += bool(top.out_valid);
        }
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
    }
    bench->history.assign(bench->latency, 0);
    return wrong;
}

// Words of register `index` (0: in_word, 1: out_word, then the pipeline registers); copies what was seen.
int bench_toggles(void* handle, int index, uint32_t* rose, uint32_t* fell) {
    const Toggle& toggle = static_cast<Bench*>(handle)->toggles[index];
    if (rose) std::memcpy(rose, toggle.rose.data(), 4 * toggle.rose.size());
    if (fell) std::memcpy(fell, toggle.fell.data(), 4 * toggle.fell.size());
    return static_cast<int>(toggle.rose.size());
}
}
