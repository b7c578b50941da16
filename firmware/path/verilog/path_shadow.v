// One register: written at any time, in effect from the crossing on for which take is set.
module path_shadow #(parameter WIDTH = 1, parameter [WIDTH-1:0] RESET = 0) (
    input wire clk,
    input wire rst,
    input wire write,
    input wire [WIDTH-1:0] value,
    input wire take,
    output reg [WIDTH-1:0] shadow,
    output reg [WIDTH-1:0] active
);
    always @(posedge clk)
        if (rst) begin
            shadow <= RESET;
            active <= RESET;
        end else begin
            if (write) shadow <= value;
            if (take) active <= shadow;
        end
endmodule
