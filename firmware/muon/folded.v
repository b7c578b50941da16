// One dense layer folded in time: P inputs of all neurons a clock, weights in a memory N_OUT * P weights wide.
// A start loads the inputs; the next may follow STEPS clocks later. Results STEPS + 3 clocks after the start.
`timescale 1 ns / 1 ps
module folded_layer #(
    parameter N_OUT = 1, P = 1, STEPS = 1,
    parameter X_BITS = 8, X_SIGNED = 0, W_BITS = 8, A_BITS = 32, Y_BITS = 8,
    parameter PRODUCT_SHIFT = 0,  // of products to the accumulator's LSB
    parameter SHIFT = 0,  // fractional bits of the accumulator beyond the result's, at least 1
    parameter RELU = 1,
    parameter [STEPS*N_OUT*P*W_BITS-1:0] WEIGHTS = 0,
    parameter [N_OUT*A_BITS-1:0] BIAS = 0
) (
    input wire clk,
    input wire rst,
    input wire start,
    input wire [STEPS*P*X_BITS-1:0] x,
    output reg done,
    output reg [N_OUT*Y_BITS-1:0] y
);
    localparam COUNT_BITS = 16;
    localparam signed [A_BITS-1:0] HIGHEST = RELU ? (1 << Y_BITS) - 1 : (1 << (Y_BITS - 1)) - 1;
    localparam signed [A_BITS-1:0] LOWEST = RELU ? 0 : -(1 << (Y_BITS - 1));
    localparam signed [A_BITS-1:0] ZERO = 0, ONE = 1;
    localparam signed [A_BITS-1:0] HALF = 1 << (SHIFT - 1);

    reg [STEPS*P*X_BITS-1:0] held;
    reg [COUNT_BITS-1:0] step;
    reg busy, first, last, sum_now, finished;
    reg [N_OUT*P*W_BITS-1:0] weight;
    reg [P*X_BITS-1:0] part;
    reg signed [A_BITS-1:0] total [0:N_OUT-1];

    always @(posedge clk) begin
        if (start) held <= x;
        step <= start ? 0 : step + 1'b1;
        busy <= !rst && (start || (busy && step != STEPS - 1));
        // memory and the inputs that belong to its word
        weight <= WEIGHTS[step*(N_OUT*P*W_BITS) +: N_OUT*P*W_BITS];
        part <= held[step*(P*X_BITS) +: P*X_BITS];
        first <= step == 0;
        last <= !rst && busy && step == STEPS - 1;
        sum_now <= busy;
        finished <= !rst && last;
        done <= !rst && finished;
    end

    integer n, p;
    reg signed [A_BITS-1:0] sum;
    reg signed [W_BITS-1:0] w;
    reg signed [X_BITS:0] v;
    always @(posedge clk)
        if (sum_now)
            for (n = 0; n < N_OUT; n = n + 1) begin
                sum = first ? $signed(BIAS[n*A_BITS +: A_BITS]) : total[n];
                for (p = 0; p < P; p = p + 1) begin
                    w = weight[(n*P + p)*W_BITS +: W_BITS];
                    v = {X_SIGNED ? part[p*X_BITS + X_BITS - 1] : 1'b0, part[p*X_BITS +: X_BITS]};
                    sum = sum + ((w * v) <<< PRODUCT_SHIFT);
                end
                total[n] <= sum;
            end

    // round half to even, saturate
    integer m;
    reg signed [A_BITS-1:0] rounded;
    always @(posedge clk)
        if (finished)
            for (m = 0; m < N_OUT; m = m + 1) begin
                rounded = (total[m] + HALF - (total[m][SHIFT] ? ZERO : ONE)) >>> SHIFT;
                y[m*Y_BITS +: Y_BITS] <= rounded > HIGHEST ? HIGHEST[Y_BITS-1:0]
                                       : rounded < LOWEST ? LOWEST[Y_BITS-1:0] : rounded[Y_BITS-1:0];
            end
endmodule
