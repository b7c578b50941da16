// Golden patterns, fully pipelined: one candidate per clock, all patterns side by side.
// docs/muon.md has the algorithm; the generated modules around this one hold the tables.
`timescale 1 ns / 1 ps

// The reference stub: first reference layer that holds one; in it the best quality, then the lower slot.
module pattern_reference (
    input wire clk,
    input wire [8*2*11-1:0] value,    // stubs of the 8 reference layers, slot 0 low
    input wire [8*2*11-1:0] angle,    // their bending angles where needed
    input wire [7:0] needs_angle,
    input wire [8*2*4-1:0] quality,
    output reg found,
    output reg [2:0] number,
    output reg signed [10:0] phi,
    output reg signed [10:0] bend
);
    localparam [10:0] NO_STUB = 11'h400;
    reg [7:0] any, high;
    integer k;
    always @* begin
        for (k = 0; k < 8; k = k + 1) begin : each
            reg low_ok, high_ok;
            low_ok = value[(2*k)*11 +: 11] != NO_STUB && (!needs_angle[k] || angle[(2*k)*11 +: 11] != NO_STUB);
            high_ok = value[(2*k+1)*11 +: 11] != NO_STUB && (!needs_angle[k] || angle[(2*k+1)*11 +: 11] != NO_STUB);
            any[k] = low_ok | high_ok;
            high[k] = high_ok && (!low_ok || quality[(2*k+1)*4 +: 4] > quality[(2*k)*4 +: 4]);
        end
    end
    always @(posedge clk) begin
        found <= |any;
        number <= 0;
        phi <= 0;
        bend <= 0;
        for (k = 7; k >= 0; k = k - 1)
            if (any[k]) begin
                number <= k[2:0];
                phi <= value[(2*k + {31'b0, high[k]})*11 +: 11];
                bend <= needs_angle[k] ? angle[(2*k + {31'b0, high[k]})*11 +: 11] : 11'b0;
            end
    end
endmodule
