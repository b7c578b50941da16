"""The Verilog of a path's top: words in, models, menu, masks, prescales, trigger rules, accept out.

Stages, counted in clocks (crossings) from the inputs: ``D`` delays until the slowest model is done, ``D + M``
the menu's bits (stage P: mask and prescale), ``D + M + 1`` (stage F: FinOR and veto), ``D + M + 2`` (stage R:
trigger rules), ``D + M + 3`` the outputs. The marks of a new section travel along; each stage takes the
values written for it when the section's first crossing arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from l1forge.emulator.events.objects import COLLECTIONS, COLUMNS, EXTRA_COLUMNS
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import ALGORITHMS
from l1forge.emulator.menu.quantities import QUANTITIES
from l1forge.emulator.path.registers import RULES
from l1forge.firmware.menu.columns import EXTERNAL
from l1forge.firmware.menu.generate import THRESHOLD as LIMIT
from l1forge.firmware.menu.verilog import Module, literal, span, vector
from l1forge.firmware.path.parts import SOURCE, ModelPart
from l1forge.firmware.path.register_map import (
    ADDRESS_BITS,
    ARM,
    MASK_BASE,
    NEW_SECTION,
    REASONS,
    WORD,
    Register,
    RegisterMap,
)
from l1forge.firmware.rtl.ports import ZERO
from l1forge.firmware.rtl.project import Port, RtlProject

BUS = "axi"
"""Node of the ports of the register bus."""
STAGES_BEHIND_MENU = 3
BX_BITS = (ORBIT - 1).bit_length()


def _port(name: str, node: str, width: int, element: int = 0) -> Port:
    return Port(name, node, element, f"ufixed<{width},{width}>")


def word_ports() -> list[Port]:
    """Object words, external conditions and link words of one crossing."""
    found = []
    for name, collection in COLLECTIONS.items():
        for slot in range(collection.slots):
            port = name if collection.slots == 1 else f"{name}_{slot}"
            found.append(_port(port, name, collection.word_bits, slot))
    for name in ("ext", "link"):
        count, dtype = EXTRA_COLUMNS[name]
        found += [_port(f"{name}_{i}", name, 8 * dtype.itemsize, i) for i in range(count)]
    return found


def bus_inputs() -> list[Port]:
    """What drives the AXI4-Lite bus."""
    widths = {"awaddr": ADDRESS_BITS, "awprot": 3, "awvalid": 1, "wdata": WORD, "wstrb": WORD // 8, "wvalid": 1}
    widths |= {"bready": 1, "araddr": ADDRESS_BITS, "arprot": 3, "arvalid": 1, "rready": 1}
    return [_port(f"s_axil_{name}", BUS, width) for name, width in widths.items()]


def bus_outputs() -> list[Port]:
    """What answers on the AXI4-Lite bus."""
    widths = {"awready": 1, "wready": 1, "bresp": 2, "bvalid": 1, "arready": 1, "rdata": WORD, "rresp": 2, "rvalid": 1}
    return [_port(f"s_axil_{name}", BUS, width) for name, width in widths.items()]


def decision_ports() -> list[Port]:
    """Crossing number, algorithm bits and decision."""
    bits = [
        _port(f"{name}_{i}", name, 64, i) for name in ("algo_before", "algo_after") for i in range(ALGORITHMS // 64)
    ]
    return [
        _port("bx", "bx", BX_BITS),
        _port("orbit", "orbit", WORD),
        _port("section", "section", WORD),
        *bits,
        *(_port(name, name, 1) for name in ("finor", "veto", "accept")),
    ]


@dataclass
class PathTop:
    """Writes the top of a path from its parts; ``text`` and ``ports`` when done."""

    name: str
    about: str
    parts: Sequence[ModelPart]
    menu: RtlProject
    registers: RegisterMap
    module: Module = field(init=False)
    depths: dict[str, int] = field(default_factory=dict)
    fields: dict[str, None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.module = Module(self.name, self.about)
        self.delay = max([1, *(part.latency for part in self.parts)])
        self.prescale_stage = self.delay + self.menu.latency
        self.latency = self.prescale_stage + STAGES_BEHIND_MENU
        self.names = self.registers.algorithm_names
        self.indices = [algorithm.index for algorithm in self.registers.menu.algorithms]

    # ports

    def score_inputs(self) -> list[Port]:
        """Scores that are computed elsewhere."""
        return [
            Port(port, score.name, i, str(score.type))
            for part in self.parts
            if part.project is None
            for score in part.scores
            for i, port in enumerate(score.ports)
        ]

    def score_outputs(self) -> list[Port]:
        """Scores of the models inside, in step with the decision."""
        return [
            Port(score.base if len(score.ports) == 1 else f"{score.base}_{i}", score.name, i, str(score.type))
            for part in self.parts
            if part.project is not None
            for score in part.scores
            for i in range(len(score.ports))
        ]

    @property
    def inputs(self) -> tuple[Port, ...]:
        """All but clk, rst and in_valid."""
        return (_port("orbit_start", "orbit_start", 1), *word_ports(), *self.score_inputs(), *bus_inputs())

    @property
    def outputs(self) -> tuple[Port, ...]:
        """All but out_valid."""
        return (*decision_ports(), *self.score_outputs(), *bus_outputs())

    # text

    def text(self) -> str:
        """The file of the top."""
        m = self.module
        m.ports = ["input wire clk", "input wire rst", "input wire in_valid"]
        m.ports += [f"input wire {_range(port)}{port.name}" for port in self.inputs]
        m.ports += ["output wire out_valid", *(f"output wire {_range(port)}{port.name}" for port in self.outputs)]
        self._time()
        self._inputs()
        self._models()
        self._menu()
        self._decision()
        self._registers()
        self._outputs()
        return m.text()

    def section(self, title: str) -> None:
        """A comment between parts of the text."""
        self.module.body += ["", f"    // {title}"]

    def later(self, name: str, clocks: int, width: int, signed: bool = False) -> str:
        """The signal ``clocks`` clocks later; each delay is declared once."""
        for depth in range(self.depths.get(name, 0) + 1, clocks + 1):
            before = name if depth == 1 else f"{name}_d{depth - 1}"
            self.module.register(f"{name}_d{depth}", before, width, signed)
            self.depths[name] = depth
        return f"{name}_d{clocks}" if clocks else name

    def _inputs(self) -> None:
        self.section("a clock without in_valid is a crossing without objects")
        late = {port: part.latency for part in self.parts for score in part.scores for port in score.ports}
        for port in [*word_ports(), *self.score_inputs()]:
            zero, clocks = literal(0, port.width, port.fixed.signed), late.get(port.name, 0)
            valid = "in_valid" if clocks == 0 else self.at("valid", clocks)
            self.module.wire(f"w_{port.name}", f"{valid} ? {port.name} : {zero}", port.width, port.fixed.signed)
        words = ", ".join(f"w_{port.name}" for port in word_ports())
        self.module.wire("unused_bits", f"&{{1'b0, {words}}}")

    def object_field(self, column: str, slot: int) -> str:
        """A field of an object, at the inputs."""
        slots, where = COLUMNS[column]
        collection, _, name = column.partition(".")
        wire = f"{collection}_{name}" if slots == 1 else f"{collection}_{name}_{slot}"
        if wire not in self.fields:
            self.fields[wire] = None
            word = f"w_{collection}" if slots == 1 else f"w_{collection}_{slot}"
            bits = f"{where.low + where.width - 1}:{where.low}" if where.width > 1 else f"{where.low}"
            self.module.wire(wire, f"{word}[{bits}]", where.width, where.signed)
        return wire

    def _time(self) -> None:
        self.section("crossings, orbits, luminosity sections; every stage knows what is in it")
        last = self.latency
        self.module.body += [
            f"    wire {span(BX_BITS)} bx_0;",
            "    wire begins_0;",
            "    reg armed, forced;",
            "    wire take_0 = begins_0 & armed;",
            "    wire [31:0] orbits_per_section_active;",
            f"    path_time #(.LAST({BX_BITS}'d{ORBIT - 1})) clockwork (",
            "        .clk(clk), .rst(rst), .orbit_start(orbit_start), .new_section(forced),",
            "        .orbits_per_section(orbits_per_section_active), .bx(bx_0), .begins(begins_0)",
            "    );",
            f"    reg {span(last)} live_s, valid_s, begins_s, take_s;  // bit s: stage s + 1",
            f"    reg {span(BX_BITS * last)} bx_s;",
            "    always @(posedge clk)",
            "        if (rst) begin",
            *(f"            {name} <= {last}'d0;" for name in ("live_s", "valid_s", "begins_s", "take_s")),
            "        end else begin",
            f"            live_s <= {{live_s[{last - 2}:0], 1'b1}};",
            f"            valid_s <= {{valid_s[{last - 2}:0], in_valid}};",
            f"            begins_s <= {{begins_s[{last - 2}:0], begins_0}};",
            f"            take_s <= {{take_s[{last - 2}:0], take_0}};",
            "        end",
            f"    always @(posedge clk) bx_s <= {{bx_s[{BX_BITS * (last - 1) - 1}:0], bx_0}};",
            f"    wire passing = begins_0 | (|begins_s[{self.prescale_stage + 1}:0]);",
        ]

    def at(self, name: str, stage: int) -> str:
        """A mark of the crossing in ``stage``."""
        return f"{name}_0" if stage == 0 else f"{name}_s[{stage - 1}]"

    def bx_at(self, stage: int) -> str:
        """The number of the crossing in ``stage``."""
        return "bx_0" if stage == 0 else f"bx_s[{BX_BITS * stage - 1}:{BX_BITS * (stage - 1)}]"

    def _models(self) -> None:
        for part in self.parts:
            if part.project is None:
                continue
            self.section(f"model {part.model}: {part.latency} crossings")
            ports = [".clk(clk)", ".rst(rst)", ".in_valid(1'b1)", f".out_valid(unused_{part.model}_valid)"]
            self.module.body.append(f"    wire unused_{part.model}_valid;")
            for port, source in zip(part.project.inputs, part.sources, strict=True):
                ports.append(f".{port.name}({self._source(port, source)})")
            for score in part.scores:
                for i, port_name in enumerate(score.ports):
                    wire = f"{score.base}_{i}_made"
                    signed = "signed " if score.type.signed else ""
                    self.module.body.append(f"    wire {signed}{vector(score.type.width)}{wire};")
                    ports.append(f".{port_name}({wire})")
            self.module.body.append(f"    {part.project.name} model_{part.model} (\n        " + ",\n        ".join(ports) + "\n    );")

    def _source(self, port: Port, source: str) -> str:
        """A field, extended to the width of a model's input."""
        if source == ZERO:
            return literal(0, port.width, port.fixed.signed)
        match = SOURCE.fullmatch(source)
        assert match is not None
        wire, where = self.object_field(match[1], int(match[2])), COLUMNS[match[1]][1]
        extra = port.width - where.width
        if extra == 0:
            return wire
        sign = f"{wire}[{where.width - 1}]" if where.signed else "1'b0"
        return f"{{{{{extra}{{{sign}}}}}, {wire}}}"

    def _menu(self) -> None:
        scores = {
            score.name: [
                (f"{score.base}_{i}_made" if part.project else f"w_{port}", part.latency, score.type.signed)
                for i, port in enumerate(score.ports)
            ]
            for part in self.parts
            for score in part.scores
        }
        self.section(f"the menu, {self.delay} crossings behind the inputs; its bits {self.menu.latency} later")
        ports = [".clk(clk)", ".rst(rst)", f".in_valid({self.at('live', self.delay)})", ".out_valid(unused_menu_valid)"]
        self.module.body.append("    wire unused_menu_valid;")
        for port in self.menu.inputs:
            if port.node == LIMIT:
                self.module.body.append(f"    wire {_range(port)}{port.name}_active;")
                ports.append(f".{port.name}({port.name}_active)")
                continue
            if port.node in scores:
                wire, latency, signed = scores[port.node][port.element]
                text = self.later(wire, self.delay - latency, port.width, signed)
            else:
                text = self._column(port)
            ports.append(f".{port.name}({text})")
        count = len(self.names)
        self.module.body.append(f"    wire {span(count)} hit;")
        ports += [f".{port.name}(hit[{i}])" for i, port in enumerate(self.menu.outputs)]
        self.module.body.append(f"    {self.menu.name} menu (\n        " + ",\n        ".join(ports) + "\n    );")

    def _column(self, port: Port) -> str:
        """A column of the menu, in step with the slowest model."""
        collection, _, rest = port.node.partition(".")
        if port.node in COLUMNS:
            wire = self.object_field(port.node, port.element)
            return self.later(wire, self.delay, port.width, port.fixed.signed)
        if collection == EXTERNAL:
            word, bit = divmod(int(rest), 64)
            name = f"ext_bit_{rest}"
            self.module.wire(name, f"w_ext_{word}[{bit}]")
        else:
            name = port.node.replace(":", "_")
            self.module.wire(name, LINKS[port.node], port.width)
        return self.later(name, self.delay, port.width)

    def _decision(self) -> None:
        p, m = self.prescale_stage, self.module
        count, words = len(self.names), self.registers.words
        self.section("stage P: bunch-crossing masks and prescales, then F: FinOR and veto, then R: trigger rules")
        m.body.append("    wire bx_mask_page_active;")
        for word in words:
            m.body += [
                f"    wire [31:0] closed_{word}, mask_found_{word};",
                f"    path_mask mask_{word} (",
                f"        .clk(clk), .now({{bx_mask_page_active, {self.bx_at(p - 1)}}}), .closed(closed_{word}),",
                f"        .write(mask_write & (mask_place[3:0] == 4'd{word})), .place(mask_place[16:4]),",
                f"        .value(bus_data), .found(mask_found_{word})",
                "    );",
            ]
        m.body += [f"    wire {span(count)} fired;", "    wire accepts;"]
        for i, (name, index) in enumerate(zip(self.names, self.indices, strict=True)):
            m.body += [
                f"    wire [31:0] prescale_{name}, before_{name}, after_{name}, accepted_{name};",
                f"    path_algorithm algorithm_{name} (",
                f"        .clk(clk), .rst(rst), .live({self.at('live', p)}), .hit(hit[{i}]),",
                f"        .closed(closed_{index // WORD}[{index % WORD}]), .last_p({self.at('begins', p - 1)}),",
                f"        .take({self.at('take', p - 1)}), .accept(accepts), .last_r({self.at('begins', p + 1)}),",
                f"        .write(write_prescale_{name}), .value(bus_data), .prescale(prescale_{name}), .fired(fired[{i}]),",
                f"        .n_before(before_{name}), .n_after(after_{name}), .n_accepted(accepted_{name})",
                "    );",
            ]
        spread = {"finor": [], "veto": []}  # type: dict[str, list[str]]
        for word in words:
            for kind in spread:
                m.body.append(f"    wire [31:0] {kind}_{word}_active;")
        for index in reversed(self.indices):
            for kind, terms in spread.items():
                terms.append(f"{kind}_{index // WORD}_active[{index % WORD}]")
        used = ", ".join(f"{kind}_{word}_active" for word in words for kind in spread)
        masks = ", ".join(f"closed_{word}" for word in words)
        m.wire("unused_masks", f"&{{1'b0, {used}, {masks}}}")
        for kind, terms in spread.items():
            m.wire(f"{kind}_mask", f"{{{', '.join(terms)}}}", count)
        m.body += [
            "    reg any_fired, any_veto;",
            "    always @(posedge clk) begin",
            "        any_fired <= |(fired & finor_mask);",
            "        any_veto <= |(fired & veto_mask);",
            "    end",
            "    wire request = any_fired & ~any_veto;",
            "    wire [15:0] dead_time_active, buffer_service_active;",
            "    wire [23:0] buffer_limit_active;",
            *(f"    wire [17:0] rule_{i}_active;" for i in range(RULES)),
            f"    wire {span(len(REASONS))} closes;",
            "    path_rules rules (",
            f"        .clk(clk), .rst(rst), .live({self.at('live', p + 2)}), .request(request),",
            "        .dead_time(dead_time_active),",
            f"        .limits({{{', '.join(f'rule_{i}_active' for i in reversed(range(RULES)))}}}),",
            "        .buffer_limit(buffer_limit_active), .buffer_service(buffer_service_active),",
            "        .accept(accepts), .closed(closes)",
            "    );",
            "    reg accept_r, finor_r, veto_r;",
            "    always @(posedge clk) begin",
            "        accept_r <= accepts;",
            "        finor_r <= any_fired;",
            "        veto_r <= any_veto;",
            "    end",
        ]
        counted = {"crossings": self.at("live", p + 2), "requests": f"request & {self.at('live', p + 2)}", "accepts": "accepts"}
        for i, reason in enumerate(REASONS):
            counted[f"lost_{reason}"] = f"closes[{i}] & request"
            counted[f"dead_{reason}"] = f"closes[{i}]"
        for name, text in counted.items():
            m.body += [
                f"    wire [31:0] count_{name};",
                f"    path_counter counter_{name} (",
                f"        .clk(clk), .rst(rst), .count({text}), .last({self.at('begins', p + 1)}), .readout(count_{name})",
                "    );",
            ]

    # registers

    def _registers(self) -> None:
        self.section("registers behind AXI4-Lite")
        m, p, writable = self.module, self.prescale_stage, [r for r in self.registers.registers if r.access == "rw"]
        stage = {"finor": p, "veto": p, "threshold": self.delay - 1, "bx_mask_page": p - 2, "orbits_per_section": 0}
        m.body += [
            "    wire bus_write, bus_read;",
            f"    wire {span(ADDRESS_BITS)} bus_address, bus_read_address;",
            "    wire [31:0] bus_data;",
            "    reg bus_refused;",
            "    reg [31:0] bus_found;",
            "    reg bus_unknown;",
            f"    wire mask_bus = bus_address[{ADDRESS_BITS - 1}];",
            f"    wire [18:0] mask_offset = bus_write ? bus_address[18:0] : bus_read_address[18:0];",
            "    wire [16:0] mask_place = mask_offset[18:2];",
            "    wire mask_write = bus_write & mask_bus;",
        ]
        for register in writable:
            m.body.append(
                f"    wire write_{register.name} = bus_write & (bus_address == {ADDRESS_BITS}'h{register.address:05x});"
            )
        for register in writable:
            if register.name == "apply" or register.name.startswith("prescale_"):
                continue
            kind = register.name.rsplit("_", 1)[0] if register.bits is not None else register.name
            at = stage.get("threshold" if kind.startswith("threshold_") else kind, p + 1)
            width = WORD if register.bits is not None else register.width
            signed = "signed " if register.signed else ""
            m.body += [
                f"    wire {signed}{vector(width)}shadow_{register.name};",
                *([f"    wire [31:0] {register.name}_active;"] if False else []),
                f"    path_shadow #(.WIDTH({width}), .RESET({width}'h{register.reset & ((1 << width) - 1):x})) register_{register.name} (",
                f"        .clk(clk), .rst(rst), .write(write_{register.name}), .value(bus_data[{width - 1}:0]),",
                f"        .take({self.at('take', at)}), .shadow(shadow_{register.name}), .active({register.name}_active)",
                "    );",
            ]
        m.body += [
            "    always @(posedge clk)",
            "        if (rst) begin",
            "            armed <= 1'b0;",
            "            forced <= 1'b0;",
            f"        end else if (write_apply) {{forced, armed}} <= {{forced, armed}} | bus_data[1:0];",
            "        else if (begins_0) {forced, armed} <= 2'b00;",
            "    reg [31:0] section_r;",
            "    always @(posedge clk)",
            "        if (rst) section_r <= 32'd0;",
            f"        else if ({self.at('begins', p + 1)}) section_r <= section_r + 32'd1;",
        ]
        assert (ARM, NEW_SECTION) == (1, 2)
        self._refusals(writable)
        self._answers()
        names = ", ".join(f".{port.name}({port.name})" for port in [*bus_inputs(), *bus_outputs()])
        m.body += [
            "    path_axi bus (",
            f"        .clk(clk), .rst(rst), .busy(passing), {names},",
            "        .write(bus_write), .address(bus_address), .data(bus_data), .refused(bus_refused),",
            "        .read(bus_read), .read_address(bus_read_address), .found(bus_found), .unknown(bus_unknown)",
            "    );",
        ]

    def _refusals(self, writable: Sequence[Register]) -> None:
        """Which writes are refused: an address without register, a value that it cannot hold, the page in use."""
        m = self.module
        m.body += ["    always @* begin", "        case (bus_address)"]
        for register in writable:
            m.body.append(f"            {ADDRESS_BITS}'h{register.address:05x}: bus_refused = {_refused(register)};")
        m.body += ["            default: bus_refused = 1'b1;", "        endcase", "        if (mask_bus) begin"]
        m.body.append("            case (bus_address[5:2])")
        for word in self.registers.words:
            absent = ~self.registers.present(word) & 0xFFFFFFFF
            m.body.append(
                f"                4'd{word}: bus_refused = |(bus_data & 32'h{absent:08x})"
                f" | (bus_address[17:6] > {BX_BITS}'d{ORBIT - 1}) | (bus_address[18] == bx_mask_page_active);"
            )
        m.body += ["                default: bus_refused = 1'b1;", "            endcase", "        end", "    end"]

    def _answers(self) -> None:
        """What a read finds; the address is held for the clock in which masks are read."""
        m = self.module
        m.body += [
            f"    reg {span(ADDRESS_BITS)} asked;",
            "    always @(posedge clk) if (bus_read) asked <= bus_read_address;",
            "    always @* begin",
            "        bus_unknown = 1'b0;",
            "        case (asked)",
        ]
        for register in self.registers.registers:
            m.body.append(f"            {ADDRESS_BITS}'h{register.address:05x}: bus_found = {self._value(register)};")
        m.body += [
            "            default: begin",
            "                bus_found = 32'd0;",
            f"                bus_unknown = ~asked[{ADDRESS_BITS - 1}];",
            "            end",
            "        endcase",
            f"        if (asked[{ADDRESS_BITS - 1}]) begin",
            "            case (asked[5:2])",
            *(f"                4'd{word}: bus_found = mask_found_{word};" for word in self.registers.words),
            "                default: bus_unknown = 1'b1;",
            "            endcase",
            f"            if (asked[17:6] > {BX_BITS}'d{ORBIT - 1}) bus_unknown = 1'b1;",
            "        end",
            "    end",
        ]
        assert MASK_BASE == 1 << ADDRESS_BITS - 1

    def _value(self, register: Register) -> str:
        """The 32 bits that a read of a register gives."""
        if register.name == "map_id":
            return f"32'h{self.registers.identity:08x}"
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
        top = f"{name}[{width - 1}]" if width > 1 else name
        fill = top if register.signed else "1'b0"
        return f"{{{{{WORD - width}{{{fill}}}}}, {name}}}"

    def _outputs(self) -> None:
        self.section("outputs")
        m, p, last, count = self.module, self.prescale_stage, self.latency, len(self.names)
        hit, fired = self.later("hit", STAGES_BEHIND_MENU, count), self.later("fired", STAGES_BEHIND_MENU - 1, count)
        for name, bits in (("algo_before", hit), ("algo_after", fired)):
            for word in range(ALGORITHMS // 64):
                where = {index % 64: i for i, index in enumerate(self.indices) if index // 64 == word}
                terms = [f"{bits}[{where[bit]}]" if bit in where else "1'b0" for bit in reversed(range(64))]
                text = f"{{{', '.join(terms)}}}" if where else "64'd0"
                m.body.append(f"    assign {name}_{word} = {text};")
        for part in self.parts:
            for score in part.scores if part.project else ():
                for i in range(len(score.ports)):
                    late = self.later(f"{score.base}_{i}_made", last - part.latency, score.type.width, score.type.signed)
                    name = score.base if len(score.ports) == 1 else f"{score.base}_{i}"
                    m.body.append(f"    assign {name} = {late};")
        m.body += [
            "    reg [31:0] orbit_r, section_now;",
            "    always @(posedge clk)",
            "        if (rst) begin",
            "            orbit_r <= 32'hffffffff;",
            "            section_now <= 32'd0;",
            "        end else begin",
            f"            if ({self.at('live', last - 1)} & ({self.bx_at(last - 1)} == {BX_BITS}'d0)) orbit_r <= orbit_r + 32'd1;",
            f"            if ({self.at('begins', last - 1)}) section_now <= section_now + 32'd1;",
            "        end",
            f"    assign bx = {self.bx_at(last)};",
            "    assign orbit = orbit_r;",
            "    assign section = section_now;",
            "    assign finor = finor_r;",
            "    assign veto = veto_r;",
            "    assign accept = accept_r;",
            f"    assign out_valid = {self.at('valid', last)};",
            f"    wire unused_marks = &{{1'b0, live_s, begins_s, take_s[{last - 1}:{p + 1}], mask_offset[1:0]}};",
        ]


LINKS = {
    "link:cicada": "{w_link_0[31:28], w_link_1[31:28], w_link_2[31:28], w_link_3[31:28]}",
    "link:zdcm": "w_link_1[9:0]",
    "link:zdcp": "w_link_2[9:0]",
}
"""Where a number lies in the link words, as in ``emulator.menu.engine.inputs.link_quantity``."""
assert set(LINKS) == {q.source for q in QUANTITIES.values() if q.source.startswith("link:")}


def _range(port: Port) -> str:
    return f"{'signed ' if port.fixed.signed else ''}{vector(port.width)}"


def _refused(register: Register) -> str:
    """When a word is no value of the register."""
    if register.bits is not None:
        return f"|(bus_data & 32'h{~register.bits & 0xFFFFFFFF:08x})"
    if register.signed:
        low, high = -register.least, register.most
        return f"($signed(bus_data) < -32'sd{low}) | ($signed(bus_data) > 32'sd{high})"
    terms = []
    if register.least > 0:
        low = f"(bus_data < 32'd{register.least})"
        terms.append(f"({low} & (bus_data != 32'd0))" if register.zero else low)
    if register.most < (1 << WORD) - 1:
        terms.append(f"(bus_data > 32'd{register.most})")
    return " | ".join(terms) or "1'b0"
