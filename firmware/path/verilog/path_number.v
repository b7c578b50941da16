// A number that goes up by one at each step.
module path_number #(parameter [31:0] RESET = 32'd0) (
    input wire clk,
    input wire rst,
    input wire step,
    output reg [31:0] value
);
    always @(posedge clk)
        if (rst) value <= RESET;
        else if (step) value <= value + 32'd1;
endmodule
