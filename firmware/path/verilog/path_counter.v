// Counts one event per clock at most; at the end of a luminosity section the count moves to the readout.
module path_counter (
    input wire clk,
    input wire rst,
    input wire count,
    input wire last,           // this clock's crossing is the last of a section
    output reg [31:0] readout
);
    reg [31:0] counter;
    wire [31:0] next = counter + {31'd0, count};
    always @(posedge clk)
        if (rst) begin
            counter <= 32'd0;
            readout <= 32'd0;
        end else begin
            counter <= last ? 32'd0 : next;
            if (last) readout <= next;
        end
endmodule
