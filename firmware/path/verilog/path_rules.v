// Trigger control: dead time, four rules "at most n accepts in m crossings", a de-randomiser buffer.
// Everything is counted in crossings; the answer for a crossing is there in its own clock.
module path_rules (
    input wire clk,
    input wire rst,
    input wire live,                  // there is a crossing
    input wire request,
    input wire [15:0] dead_time,      // crossings closed after every accept, 0: none
    input wire [71:0] limits,         // four of {n - 1 (2 bits), m (16 bits)}, the first lowest; m 0: off
    input wire [23:0] buffer_limit,   // (places - 1) * service
    input wire [15:0] buffer_service, // crossings to read one event, 0: no buffer
    output wire accept,
    output wire [5:0] closed          // the first reason that closes the crossing, one bit: dead time, rules, buffer
);
    // crossings since the newest, second, third and fourth newest accept; 65535: that or more
    reg [15:0] age [0:3];
    reg [24:0] waiting;               // crossings until the buffer is empty
    wire [5:0] shut;
    assign shut[0] = (dead_time != 16'd0) & (age[0] <= dead_time);
    genvar i;
    generate
        for (i = 0; i < 4; i = i + 1) begin : rule
            wire [15:0] crossings = limits[18 * i +: 16];
            wire [1:0] which = limits[18 * i + 16 +: 2];
            assign shut[i + 1] = (crossings != 16'd0) & (age[which] < crossings);
        end
    endgenerate
    assign shut[5] = (buffer_service != 16'd0) & (waiting > {1'b0, buffer_limit});
    assign closed = {6{live}} & shut & (~shut + 6'd1);
    assign accept = live & request & (shut == 6'd0);

    function [15:0] older;
        input [15:0] crossings;
        older = (crossings == 16'hffff) ? crossings : crossings + 16'd1;
    endfunction
    wire [24:0] longer = waiting + ((accept & (buffer_service != 16'd0)) ? {9'd0, buffer_service} : 25'd0);
    integer k;
    always @(posedge clk)
        if (rst) begin
            for (k = 0; k < 4; k = k + 1) age[k] <= 16'hffff;
            waiting <= 25'd0;
        end else if (live) begin
            age[0] <= accept ? 16'd1 : older(age[0]);
            for (k = 1; k < 4; k = k + 1) age[k] <= older(accept ? age[k - 1] : age[k]);
            waiting <= (longer == 25'd0) ? 25'd0 : longer - 25'd1;
        end
endmodule
