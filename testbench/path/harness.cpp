// Drives a Verilated trigger path clock by clock: crossings, resets and register accesses as they are written
// down. Compiled into a shared library together with the model; driven by testbench/path/harness.py.
#include <cstdint>
#include <cstring>
#include <memory>

#include "Vtop.h"
#include "verilated.h"

double sc_time_stamp() { return 0; }

namespace {

constexpr uint8_t CHANGED = 255;  // in place of a response: it changed while the master was not ready, or came twice
constexpr int RESET_CLOCKS = 64;  // longer than any path's latency

struct Bench {
    VerilatedContext context;
    std::unique_ptr<Vtop> top{new Vtop(&context)};

    void clock() {
        top->clk = 1;
        top->eval();
        top->clk = 0;
        top->eval();
    }
};

}  // namespace

extern "C" {

void* path_open() {
    auto* bench = new Bench;
    Vtop& top = *bench->top;
    top.clk = 0;
    top.rst = 1;
    top.in_valid = 0;
    std::memset(&top.in_word[0], 0, sizeof(top.in_word));
    top.s_axil_awaddr = top.s_axil_awprot = top.s_axil_awvalid = 0;
    top.s_axil_wdata = top.s_axil_wvalid = top.s_axil_araddr = top.s_axil_arprot = top.s_axil_arvalid = 0;
    top.s_axil_wstrb = 15;
    top.s_axil_bready = top.s_axil_rready = 1;
    top.eval();
    for (int i = 0; i < RESET_CLOCKS; ++i) bench->clock();
    return bench;
}

void path_close(void* handle) {
    auto* bench = static_cast<Bench*>(handle);
    bench->top->final();
    delete bench;
}

// n clocks: flags bit 0 in_valid, bit 1 rst; words of the crossing; accesses (address << 1 | write, data) from
// `first` on, `count` of them, begin at the clocks `when` or as soon after as the bus is free. results: out_word
// as the clock leaves it. An access is left out (taken: -1) if it could not begin until its last clock. answers: word read, or 0; response codes; taken: the clock in which the bus took the
// access. Returns the accesses that were finished.
int64_t path_run(void* handle, const uint32_t* words, const uint8_t* flags, int64_t n, uint32_t* results,
                 uint8_t* valid, const int64_t* when, const int64_t* until, const uint32_t* accesses, int64_t count, uint32_t* answers,
                 uint8_t* responses, int64_t* taken) {
    auto* bench = static_cast<Bench*>(handle);
    Vtop& top = *bench->top;
    constexpr size_t in_words = sizeof(top.in_word) / 4, out_words = sizeof(top.out_word) / 4;
    uint32_t stalls = 1, held = 0;
    bool holding = false;  // an answer that was not taken yet must stay as it is
    int64_t done = 0, next = 0;  // answered, and taken by the bus; a read may follow another before its answer
    for (int64_t t = 0; t < n; ++t) {
        std::memcpy(&top.in_word[0], words + t * in_words, 4 * in_words);
        top.in_valid = flags[t] & 1;
        top.rst = flags[t] >> 1 & 1;
        while (next < count && done == next && until[next] < t) {
            taken[next] = -1;
            done = ++next;
        }
        const bool write = next < count && (accesses[2 * next] & 1);
        const bool reading = next > done && !(accesses[2 * done] & 1);
        const bool free = done == next || (reading && !write);
        const bool asks = next < count && when[next] <= t && until[next] >= t && free && !top.rst;
        top.s_axil_awvalid = top.s_axil_wvalid = asks && write;
        top.s_axil_arvalid = asks && !write;
        stalls = stalls * 1664525 + 1013904223;
        // what is on an idle bus must not matter
        top.s_axil_awaddr = top.s_axil_araddr = stalls >> 8 & 0xfffff;
        top.s_axil_wdata = stalls ^ stalls << 7;
        if (asks) {
            (write ? top.s_axil_awaddr : top.s_axil_araddr) = accesses[2 * next] >> 1 & 0xfffff;
            top.s_axil_wdata = accesses[2 * next + 1];
            top.s_axil_wstrb = 15 ^ (accesses[2 * next] >> 24);
        }
        stalls = stalls * 1664525 + 1013904223;
        top.s_axil_bready = stalls >> 30 != 0;
        top.s_axil_rready = (stalls >> 28 & 3) != 0;
        top.eval();  // ready follows valid in the same clock
        if (asks && (write ? top.s_axil_awready && top.s_axil_wready : top.s_axil_arready)) taken[next++] = t;
        if (done == next && done > 0 && (top.s_axil_bvalid || top.s_axil_rvalid)) responses[done - 1] = CHANGED;
        if (done < next && (top.s_axil_bvalid || top.s_axil_rvalid)) {
            const bool read = top.s_axil_rvalid;
            const uint32_t word = read ? top.s_axil_rdata : 0, response = read ? top.s_axil_rresp : top.s_axil_bresp;
            if (holding && held != (word ^ response << 30)) responses[done] = CHANGED;
            held = word ^ response << 30;
            holding = !(read ? top.s_axil_rready : top.s_axil_bready);
            if (!holding) {
                answers[done] = word;
                if (responses[done] != CHANGED) responses[done] = response;
                ++done;
            }
        }
        bench->clock();
        std::memcpy(results + t * out_words, &top.out_word[0], 4 * out_words);
        valid[t] = top.out_valid;
    }
    top.s_axil_awvalid = top.s_axil_wvalid = top.s_axil_arvalid = 0;
    return done;
}
}
