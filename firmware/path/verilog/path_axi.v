// AXI4-Lite to a bus of registers. An access waits while a new luminosity section passes through the stages
// (busy), so that what it writes or reads belongs to one section. Only whole words are written.
module path_axi (
    input wire clk,
    input wire rst,
    input wire busy,
    input wire [19:0] s_axil_awaddr,
    input wire [2:0] s_axil_awprot,
    input wire s_axil_awvalid,
    output wire s_axil_awready,
    input wire [31:0] s_axil_wdata,
    input wire [3:0] s_axil_wstrb,
    input wire s_axil_wvalid,
    output wire s_axil_wready,
    output reg [1:0] s_axil_bresp,
    output reg s_axil_bvalid,
    input wire s_axil_bready,
    input wire [19:0] s_axil_araddr,
    input wire [2:0] s_axil_arprot,
    input wire s_axil_arvalid,
    output wire s_axil_arready,
    output reg [31:0] s_axil_rdata,
    output reg [1:0] s_axil_rresp,
    output reg s_axil_rvalid,
    input wire s_axil_rready,
    output wire write,           // write data at its address, unless the register refuses it
    output wire [19:0] address,
    output wire [31:0] data,
    input wire refused,          // no such register, or not such a value
    output wire read,            // the address of a read is there
    output wire [19:0] read_address,
    input wire [31:0] found,     // what the registers answer, a clock later
    input wire unknown
);
    localparam [1:0] OKAY = 2'b00, SLVERR = 2'b10;
    wire go = s_axil_awvalid & s_axil_wvalid & ~busy & (~s_axil_bvalid | s_axil_bready);
    wire whole = (s_axil_wstrb == 4'hf) & (s_axil_awaddr[1:0] == 2'b00);
    assign s_axil_awready = go;
    assign s_axil_wready = go;
    assign write = go & whole & ~refused;
    assign address = s_axil_awaddr;
    assign data = s_axil_wdata;

    reg waits;
    assign s_axil_arready = s_axil_arvalid & ~busy & ~go & ~waits & (~s_axil_rvalid | s_axil_rready);
    assign read = s_axil_arready;
    assign read_address = s_axil_araddr;
    wire unused = &{1'b0, s_axil_awprot, s_axil_arprot};
    always @(posedge clk)
        if (rst) begin
            s_axil_bvalid <= 1'b0;  // responses and data mean nothing without their valid
            s_axil_rvalid <= 1'b0;
            waits <= 1'b0;
        end else begin
            if (s_axil_bready) s_axil_bvalid <= 1'b0;
            if (go) begin
                s_axil_bvalid <= 1'b1;
                s_axil_bresp <= (whole & ~refused) ? OKAY : SLVERR;
            end
            if (s_axil_rready) s_axil_rvalid <= 1'b0;
            if (read) waits <= 1'b1;
            if (waits) begin  // a section that begins now has changed nothing yet
                waits <= 1'b0;
                s_axil_rvalid <= 1'b1;
                s_axil_rdata <= unknown ? 32'd0 : found;
                s_axil_rresp <= unknown ? SLVERR : OKAY;
            end
        end
endmodule
