// One algorithm behind the menu: bunch-crossing mask, prescale, and its three counters.
// Stage P: hit, closed. Stage F, a clock later: fired. Stage R, another clock later: accept.
module path_algorithm (
    input wire clk,
    input wire rst,
    input wire live,           // P: there is a crossing
    input wire hit,            // P: the seed is true
    input wire closed,         // P: the mask shuts it
    input wire last_p,         // P: the last crossing of a section
    input wire take,           // the shadow takes effect for the next crossing of stage P
    input wire accept,         // R: the crossing in stage R is accepted
    input wire last_r,         // R: the last crossing of a section
    input wire write,          // of the shadow
    input wire [31:0] value,
    output reg [31:0] prescale, // shadow, 100 times the prescale
    output reg fired,          // F
    output wire [31:0] n_before,
    output wire [31:0] n_after,
    output wire [31:0] n_accepted
);
    reg [31:0] factor;
    reg fired_r;
    wire open = live & hit & ~closed;
    wire fires;
    path_prescaler prescaler (
        .clk(clk), .rst(rst), .restart(take), .hit(open), .factor(factor), .fires(fires)
    );
    path_counter count_before (.clk(clk), .rst(rst), .count(open), .last(last_p), .readout(n_before));
    path_counter count_after (.clk(clk), .rst(rst), .count(fires), .last(last_p), .readout(n_after));
    path_counter count_accepted (
        .clk(clk), .rst(rst), .count(fired_r & accept), .last(last_r), .readout(n_accepted)
    );
    always @(posedge clk)
        if (rst) begin
            prescale <= 32'd100;
            factor <= 32'd100;
            fired <= 1'b0;
            fired_r <= 1'b0;
        end else begin
            if (write) prescale <= value;
            if (take) factor <= prescale;
            fired <= fires;
            fired_r <= fired;
        end
endmodule
