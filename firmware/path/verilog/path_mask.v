// 32 algorithms of the bunch-crossing mask: one bit for each in every crossing of two pages, 1 shuts it.
// One page is in use, the other may be written; a reset leaves the memory as it is.
module path_mask (
    input wire clk,
    input wire [12:0] now,       // {page, bx} of the crossing that is in stage P a clock later
    output reg [31:0] closed,
    input wire write,
    input wire [12:0] place,     // {page, bx}: written, or else read
    input wire [31:0] value,
    output reg [31:0] found
);
    reg [31:0] memory [0:8191];
    integer i;
    initial for (i = 0; i < 8192; i = i + 1) memory[i] = 32'd0;
    always @(posedge clk) closed <= memory[now];
    always @(posedge clk) begin
        if (write) memory[place] <= value;
        found <= memory[place];
    end
endmodule
