"""The Verilog of a path's top: words in, models, menu, masks, prescales, trigger rules, accept out.

Stages, counted in clocks (crossings) from the inputs: ``D`` delays until the slowest model is done, ``D + M``
the menu's bits (stage P: mask and prescale), ``D + M + 1`` (stage F: FinOR and veto), ``D + M + 2`` (stage R:
trigger rules), ``D + M + 3`` the outputs. The marks of a new section travel along; each stage takes the
values written for it when the section's first crossing arrives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from l1forge.emulator.events.objects import COLUMNS
from l1forge.emulator.lhc import ORBIT
from l1forge.emulator.menu.compiled import ALGORITHMS
from l1forge.emulator.menu.quantities import QUANTITIES
from l1forge.firmware.menu.columns import EXTERNAL
from l1forge.firmware.menu.generate import THRESHOLD as LIMIT
from l1forge.firmware.menu.verilog import Module, literal, span, vector
from l1forge.firmware.path.decision import write_decision
from l1forge.firmware.path.parts import SOURCE, ModelPart
from l1forge.firmware.path.ports import (
    BX_BITS,
    bus_inputs,
    bus_outputs,
    decision_ports,
    declared,
    plain_port,
    word_ports,
)
from l1forge.firmware.path.register_logic import write_registers
from l1forge.firmware.path.register_map import RegisterMap
from l1forge.firmware.rtl.ports import ZERO
from l1forge.firmware.rtl.project import Port, RtlProject

STAGES_BEHIND_MENU = 3


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
        return (
            plain_port("orbit_start", "orbit_start", 1),
            *word_ports(),
            *self.score_inputs(),
            *bus_inputs(),
        )

    @property
    def outputs(self) -> tuple[Port, ...]:
        """All but out_valid."""
        return (*decision_ports(), *self.score_outputs(), *bus_outputs())

    # text

    def text(self) -> str:
        """The file of the top."""
        m = self.module
        m.ports = ["input wire clk", "input wire rst", "input wire in_valid"]
        m.ports += [f"input wire {declared(port)}{port.name}" for port in self.inputs]
        m.ports += [
            "output wire out_valid",
            *(f"output wire {declared(port)}{port.name}" for port in self.outputs),
        ]
        self._time()
        self._inputs()
        self._models()
        self._menu()
        write_decision(self)
        write_registers(self)
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
            self.module.wire(
                f"w_{port.name}", f"{valid} ? {port.name} : {zero}", port.width, port.fixed.signed
            )
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
            self.module.body.append(
                f"    {part.project.name} model_{part.model} (\n        "
                + ",\n        ".join(ports)
                + "\n    );"
            )

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
        self.section(
            f"the menu, {self.delay} crossings behind the inputs; its bits {self.menu.latency} later"
        )
        ports = [
            ".clk(clk)",
            ".rst(rst)",
            f".in_valid({self.at('live', self.delay)})",
            ".out_valid(unused_menu_valid)",
        ]
        self.module.body.append("    wire unused_menu_valid;")
        for port in self.menu.inputs:
            if port.node == LIMIT:
                self.module.body.append(f"    wire {declared(port)}{port.name}_active;")
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
        self.module.body.append(
            f"    {self.menu.name} menu (\n        " + ",\n        ".join(ports) + "\n    );"
        )

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

    def _outputs(self) -> None:
        self.section("outputs")
        m, p, last, count = self.module, self.prescale_stage, self.latency, len(self.names)
        hit, fired = (
            self.later("hit", STAGES_BEHIND_MENU, count),
            self.later("fired", STAGES_BEHIND_MENU - 1, count),
        )
        for name, bits in (("algo_before", hit), ("algo_after", fired)):
            for word in range(ALGORITHMS // 64):
                where = {index % 64: i for i, index in enumerate(self.indices) if index // 64 == word}
                terms = [f"{bits}[{where[bit]}]" if bit in where else "1'b0" for bit in reversed(range(64))]
                text = f"{{{', '.join(terms)}}}" if where else "64'd0"
                m.body.append(f"    assign {name}_{word} = {text};")
        for part in self.parts:
            for score in part.scores if part.project else ():
                for i in range(len(score.ports)):
                    late = self.later(
                        f"{score.base}_{i}_made", last - part.latency, score.type.width, score.type.signed
                    )
                    name = score.base if len(score.ports) == 1 else f"{score.base}_{i}"
                    m.body.append(f"    assign {name} = {late};")
        m.body += [
            "    wire [31:0] orbit_r, section_now;",
            "    path_number #(.RESET(32'hffffffff)) count_orbits (",
            f"        .clk(clk), .rst(rst), .step({self.at('live', last - 1)}"
            f" & ({self.bx_at(last - 1)} == {BX_BITS}'d0)), .value(orbit_r)",
            "    );",
            "    path_number count_sections (",
            f"        .clk(clk), .rst(rst), .step({self.at('begins', last - 1)}), .value(section_now)",
            "    );",
            f"    assign bx = {self.bx_at(last)};",
            "    assign orbit = orbit_r;",
            "    assign section = section_now;",
            "    assign finor = finor_r;",
            "    assign veto = veto_r;",
            "    assign accept = accept_r;",
            f"    assign out_valid = {self.at('valid', last)};",
            f"    wire unused_marks = &{{1'b0, live_s, begins_s, take_s[{last - 1}:{p + 1}],"
            " mask_offset[1:0]};",
        ]


LINKS = {
    "link:cicada": "{w_link_0[31:28], w_link_1[31:28], w_link_2[31:28], w_link_3[31:28]}",
    "link:zdcm": "w_link_1[9:0]",
    "link:zdcp": "w_link_2[9:0]",
}
"""Where a number lies in the link words, as in ``emulator.menu.engine.inputs.link_quantity``."""
assert set(LINKS) == {q.source for q in QUANTITIES.values() if q.source.startswith("link:")}
