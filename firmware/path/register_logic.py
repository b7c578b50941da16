"""The registers of a path in Verilog: shadow copies, what is refused, what a read finds, the bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from l1forge.emulator.lhc import ORBIT
from l1forge.firmware.menu.verilog import span, vector
from l1forge.firmware.path.ports import BX_BITS, bus_inputs, bus_outputs
from l1forge.firmware.path.register_map import ADDRESS_BITS, ARM, MASK_BASE, NEW_SECTION, WORD, PathRegister

if TYPE_CHECKING:
    from l1forge.firmware.path.top import PathTop


def write_registers(top: PathTop) -> None:
    """Shadow and active copies, what is refused, what a read finds, and the bus."""
    top.section("registers behind AXI4-Lite")
    m, p, writable = (
        top.module,
        top.prescale_stage,
        [r for r in top.registers.registers if r.access == "rw"],
    )
    stage = {
        "finor": p,
        "veto": p,
        "threshold": top.delay - 1,
        "bx_mask_page": p - 2,
        "orbits_per_section": 0,
    }
    m.body += [
        "    wire bus_write, bus_read;",
        f"    wire {span(ADDRESS_BITS)} bus_address, bus_read_address;",
        "    wire [31:0] bus_data;",
        "    reg bus_refused;",
        "    reg [31:0] bus_found;",
        "    reg bus_unknown;",
        f"    wire mask_bus = bus_address[{ADDRESS_BITS - 1}];",
        "    wire [18:0] mask_offset = bus_write ? bus_address[18:0] : bus_read_address[18:0];",
        "    wire [16:0] mask_place = mask_offset[18:2];",
        "    wire mask_write = bus_write & mask_bus;",
    ]
    for register in writable:
        here = f"(bus_address == {ADDRESS_BITS}'h{register.address:05x})"
        m.body.append(f"    wire write_{register.name} = bus_write & {here};")
    for register in writable:
        if register.name == "apply" or register.name.startswith("prescale_"):
            continue
        kind = register.name.rsplit("_", 1)[0] if register.bits is not None else register.name
        at = stage.get("threshold" if kind.startswith("threshold_") else kind, p + 1)
        width = WORD if register.bits is not None else register.width
        signed = "signed " if register.signed else ""
        reset = f"{width}'h{register.reset & ((1 << width) - 1):x}"
        m.body += [
            f"    wire {signed}{vector(width)}shadow_{register.name};",
            f"    path_shadow #(.WIDTH({width}), .RESET({reset})) register_{register.name} (",
            f"        .clk(clk), .rst(rst), .write(write_{register.name}), .value(bus_data[{width - 1}:0]),",
            f"        .take({top.at('take', at)}), .shadow(shadow_{register.name}),"
            f" .active({register.name}_active)",
            "    );",
        ]
    m.body += [
        "    always @(posedge clk)",
        "        if (rst) begin",
        "            armed <= 1'b0;",
        "            forced <= 1'b0;",
        "        end else if (write_apply) {forced, armed} <= {forced, armed} | bus_data[1:0];",
        "        else if (begins_0) {forced, armed} <= 2'b00;",
        "    wire [31:0] section_r;",
        "    path_number count_read_sections (",
        f"        .clk(clk), .rst(rst), .step({top.at('begins', p + 1)}), .value(section_r)",
        "    );",
    ]
    assert (ARM, NEW_SECTION) == (1, 2)
    _refusals(top, writable)
    _answers(top)
    names = ", ".join(f".{port.name}({port.name})" for port in [*bus_inputs(), *bus_outputs()])
    m.body += [
        "    path_axi bus (",
        f"        .clk(clk), .rst(rst), .busy(passing), {names},",
        "        .write(bus_write), .address(bus_address), .data(bus_data), .refused(bus_refused),",
        "        .read(bus_read), .read_address(bus_read_address), .found(bus_found), .unknown(bus_unknown)",
        "    );",
    ]


def _refusals(top: PathTop, writable: Sequence[PathRegister]) -> None:
    """Which writes are refused: an address without register, a value that it cannot hold, the page in use."""
    m = top.module
    m.body += ["    always @* begin", "        case (bus_address)"]
    for register in writable:
        m.body.append(
            f"            {ADDRESS_BITS}'h{register.address:05x}: bus_refused = {_refused(register)};"
        )
    m.body += [
        "            default: bus_refused = 1'b1;",
        "        endcase",
        "        if (mask_bus) begin",
    ]
    m.body.append("            case (bus_address[5:2])")
    for word in top.registers.words:
        absent = ~top.registers.present(word) & 0xFFFFFFFF
        m.body.append(
            f"                4'd{word}: bus_refused = |(bus_data & 32'h{absent:08x})"
            f" | (bus_address[17:6] > {BX_BITS}'d{ORBIT - 1}) | (bus_address[18] == bx_mask_page_active);"
        )
    m.body += [
        "                default: bus_refused = 1'b1;",
        "            endcase",
        "        end",
        "    end",
    ]


def _answers(top: PathTop) -> None:
    """What a read finds; the address is held for the clock in which masks are read."""
    m = top.module
    m.body += [
        f"    reg {span(ADDRESS_BITS)} asked;",
        "    always @(posedge clk) if (bus_read) asked <= bus_read_address;",
        "    always @* begin",
        "        bus_unknown = 1'b0;",
        "        case (asked)",
    ]
    for register in top.registers.registers:
        m.body.append(
            f"            {ADDRESS_BITS}'h{register.address:05x}: bus_found = {_value(top, register)};"
        )
    m.body += [
        "            default: begin",
        "                bus_found = 32'd0;",
        f"                bus_unknown = ~asked[{ADDRESS_BITS - 1}];",
        "            end",
        "        endcase",
        f"        if (asked[{ADDRESS_BITS - 1}]) begin",
        "            case (asked[5:2])",
        *(f"                4'd{word}: bus_found = mask_found_{word};" for word in top.registers.words),
        "                default: bus_unknown = 1'b1;",
        "            endcase",
        f"            if (asked[17:6] > {BX_BITS}'d{ORBIT - 1}) bus_unknown = 1'b1;",
        "        end",
        "    end",
    ]
    assert MASK_BASE == 1 << ADDRESS_BITS - 1


def _value(top: PathTop, register: PathRegister) -> str:
    """The 32 bits that a read of a register gives."""
    if register.name == "map_id":
        return f"32'h{top.registers.identity:08x}"
    if register.name == "apply":
        return "{30'd0, forced, armed}"
    if register.name == "section":
        return "section_r"
    if register.access == "ro":
        own = register.name.startswith(("before_", "after_", "accepted_"))
        return register.name if own else f"count_{register.name}"
    if register.name.startswith("prescale_"):
        return register.name
    width, name = (WORD if register.bits is not None else register.width), f"shadow_{register.name}"
    if width == WORD:
        return name
    highest = f"{name}[{width - 1}]" if width > 1 else name
    fill = highest if register.signed else "1'b0"
    return f"{{{{{WORD - width}{{{fill}}}}}, {name}}}"


def _refused(register: PathRegister) -> str:
    """When a word is no value of the register."""
    if register.bits is not None:
        return f"|(bus_data & 32'h{~register.bits & 0xFFFFFFFF:08x})"
    if register.signed:
        low, high = -register.least, register.most
        return f"($signed(bus_data) < -32'sd{low}) | ($signed(bus_data) > 32'sd{high})"
    terms = []
    if register.least > 0:
        below = f"(bus_data < 32'd{register.least})"
        terms.append(f"({below} & (bus_data != 32'd0))" if register.zero else below)
    if register.most < (1 << WORD) - 1:
        terms.append(f"(bus_data > 32'd{register.most})")
    return " | ".join(terms) or "1'b0"
