// A pipeline of fixed latency behind AXI4-Stream: valid and ready on both sides, no result is ever lost.
//
// The pipeline cannot stop, so results wait in a FIFO. A word is taken only if its result will have a place:
// `used` counts the words in the pipeline and in the FIFO, at most DEPTH. One word per clock passes if DEPTH
// is at least the latency and a few clocks more.

`timescale 1 ns / 1 ps
module l1forge_axi_stream #(
    parameter WIDTH = 8,
    parameter DEPTH_BITS = 4
) (
    input wire clk,
    input wire rst,
    input wire s_valid,
    output wire s_ready,
    output wire core_valid,      // this clock's word goes into the pipeline
    input wire done,             // a result comes out of it
    input wire [WIDTH-1:0] result,
    output wire m_valid,
    input wire m_ready,
    output wire [WIDTH-1:0] m_data
);
    localparam [DEPTH_BITS:0] DEPTH = 1 << DEPTH_BITS;

    reg [WIDTH-1:0] words [0:(1 << DEPTH_BITS)-1];
    reg [DEPTH_BITS:0] used;     // in the pipeline and in the FIFO
    reg [DEPTH_BITS:0] stored;   // in the FIFO
    reg [DEPTH_BITS-1:0] first, next;
    reg running;                 // low in reset: nothing is taken before the pipeline is empty

    wire taken = m_valid && m_ready;

    assign s_ready = running && used != DEPTH;
    assign core_valid = s_valid && s_ready;
    assign m_valid = stored != 0;
    assign m_data = words[first];

    always @(posedge clk) begin
        running <= !rst;
        if (done) words[next] <= result;
        if (rst) begin
            used <= 0;
            stored <= 0;
            first <= 0;
            next <= 0;
        end else begin
            used <= used + {{DEPTH_BITS{1'b0}}, core_valid} - {{DEPTH_BITS{1'b0}}, taken};
            stored <= stored + {{DEPTH_BITS{1'b0}}, done} - {{DEPTH_BITS{1'b0}}, taken};
            if (done) next <= next + 1'b1;
            if (taken) first <= first + 1'b1;
        end
    end
endmodule
