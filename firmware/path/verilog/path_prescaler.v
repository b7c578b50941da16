// The prescale of one algorithm: factor is 100 times the prescale, 0 is off (docs/path.md).
// On each hit, if counter + 100 reaches the factor it fires and counter + 100 - factor is kept.
module path_prescaler (
    input wire clk,
    input wire rst,
    input wire restart,        // the counter is 0 for the next crossing
    input wire hit,
    input wire [31:0] factor,
    output wire fires
);
    reg [31:0] counter;        // below the factor
    wire [32:0] sum = {1'b0, counter} + 33'd100;
    wire counts = hit & (factor != 32'd0);
    assign fires = counts & (sum >= {1'b0, factor});
    always @(posedge clk)
        if (rst | restart) counter <= 32'd0;
        else if (counts) counter <= fires ? sum[31:0] - factor : sum[31:0];
endmodule
