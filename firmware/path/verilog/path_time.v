// Crossings, orbits and luminosity sections. Every clock without reset is a crossing; orbit_start says that
// it is crossing 0, and without it 0 follows LAST. A section begins with the crossing 0 that follows
// orbits_per_section orbits, or with the next one if new_section asks for it.
module path_time #(parameter [11:0] LAST = 12'd3563) (
    input wire clk,
    input wire rst,
    input wire orbit_start,
    input wire [31:0] orbits_per_section,
    input wire new_section,
    output wire [11:0] bx,        // of the crossing at the inputs
    output wire begins            // it begins a section
);
    reg [11:0] latest;
    reg [31:0] orbit;             // of the section, from 0
    reg fresh;                    // no crossing yet
    assign bx = (orbit_start | (latest == LAST)) ? 12'd0 : latest + 12'd1;
    wire [31:0] next = orbit + 32'd1;
    assign begins = ~rst & ~fresh & (bx == 12'd0) & (new_section | (next >= orbits_per_section));
    always @(posedge clk)
        if (rst) begin
            latest <= LAST;
            orbit <= 32'd0;
            fresh <= 1'b1;
        end else begin
            latest <= bx;
            fresh <= 1'b0;
            if (begins) orbit <= 32'd0;
            else if ((bx == 12'd0) & ~fresh) orbit <= next;
        end
endmodule
