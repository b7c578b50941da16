"""Constraints, tool scripts, Makefile and FuseSoC description of a delivered design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MARK = "written by l1forge"
"""In the FuseSoC description of every delivered design."""
VIVADO_PART, QUARTUS_PART = "xcvu13p-flga2577-2-e", "AGFB014R24B2E2V"


@dataclass(frozen=True)
class Contents:
    """What the scripts speak of; files are relative to the folder, in the order of compilation."""

    name: str
    files: tuple[str, ...]
    wrapper: tuple[str, ...]
    bench: tuple[str, ...]
    period_ns: float
    language: str

    @property
    def sources(self) -> tuple[str, ...]:
        """The design and its wrapper."""
        return self.files + self.wrapper


def constraints(contents: Contents) -> str:
    """One clock, as XDC and SDC read it; ports are those of a larger design, so no pins."""
    return (
        "# out of context: the clock only. Ports connect inside a larger design.\n"
        f"create_clock -name clk -period {contents.period_ns:.3f} [get_ports clk]\n"
    )


def vivado(contents: Contents) -> str:
    """Tcl for Vivado in batch mode: out of context, up to routing."""
    read = "read_vhdl -vhdl2008" if contents.language == "vhdl" else "read_verilog"
    files = "\n".join(f"{read} $here/{file}" for file in contents.files)
    return f"""\
# vivado -mode batch -source vivado.tcl [-tclargs PART]
set here [file dirname [file normalize [info script]]]
set part {VIVADO_PART}
if {{$argc > 0}} {{ set part [lindex $argv 0] }}
{files}
synth_design -top {contents.name} -part $part -mode out_of_context
read_xdc $here/constraints/{contents.name}.xdc
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
write_checkpoint -force {contents.name}_routed.dcp
"""


def quartus(contents: Contents) -> str:
    """Tcl for Quartus: all pins virtual, up to routing and timing."""
    kind = "VHDL_FILE" if contents.language == "vhdl" else "VERILOG_FILE"
    files = "\n".join(f"set_global_assignment -name {kind} $here/{file}" for file in contents.files)
    return f"""\
# quartus_sh -t quartus.tcl [PART]
set here [file dirname [file normalize [info script]]]
set part {QUARTUS_PART}
if {{$argc > 0}} {{ set part [lindex $argv 0] }}
load_package flow
project_new {contents.name} -overwrite
set_global_assignment -name DEVICE $part
set_global_assignment -name TOP_LEVEL_ENTITY {contents.name}
set_global_assignment -name VHDL_INPUT_VERSION VHDL_2008
{files}
set_global_assignment -name SDC_FILE $here/constraints/{contents.name}.sdc
set_instance_assignment -name VIRTUAL_PIN ON -to *
set_instance_assignment -name VIRTUAL_PIN OFF -to clk
execute_flow -compile
project_close
"""


def makefile(contents: Contents) -> str:
    """Targets for the tools; each needs its own on PATH."""
    simulated = f"""\
test: ## the design against vectors of the emulator, in Verilator (5.006 or newer)
	verilator --binary --timing -Wno-fatal --top-module {contents.name}_tb -o bench --Mdir build \\
		{" ".join((*contents.files, *contents.bench))}
	./build/bench
"""
    lint = f"""\
lint: ## Verilator's warnings about the design
	verilator --lint-only -Wall -Wno-DECLFILENAME -Wno-UNUSED --top-module {contents.name} \\
		{" ".join(contents.files)}
"""
    analysed = f"""\
lint: ## GHDL reads and elaborates the design
	mkdir -p build
	ghdl -i --std=08 --workdir=build {" ".join(contents.files)}
	ghdl -m --std=08 --workdir=build {contents.name}
"""
    vhdl = contents.language == "vhdl"
    targets = "lint vivado quartus clean" if vhdl else "test lint yosys vivado quartus clean"
    yosys = f"""
yosys: ## cells of the design, for UltraScale+
	yosys -p "read_verilog -defer {" ".join(contents.files)}; \\
		synth_xilinx -family xcup -flatten -noiopad -top {contents.name}; stat -tech xilinx"
"""
    return f"""\
.PHONY: {targets}

{analysed if vhdl else simulated + chr(10) + lint + yosys}
vivado: ## placed and routed; PART=... for another part
	vivado -mode batch -source vivado.tcl -tclargs $(or $(PART),{VIVADO_PART})

quartus: ## placed and routed; PART=... for another part
	quartus_sh -t quartus.tcl $(or $(PART),{QUARTUS_PART})

clean:
	rm -rf build
"""


def fusesoc(contents: Contents, version: str) -> str:
    """The description that FuseSoC reads (CAPI2)."""
    kind = "vhdlSource-2008" if contents.language == "vhdl" else "verilogSource"
    lines = [
        "CAPI=2:",
        f"name: ::{contents.name}:{version}",
        f"description: {contents.name}, {MARK}",
        "filesets:",
        *_fileset("rtl", contents.sources, kind),
        *_fileset("constraints", (f"constraints/{contents.name}.xdc",), "xdc"),
    ]
    if contents.bench:
        lines += _fileset("bench", contents.bench, "verilogSource")
    lines += [
        "targets:",
        "  default:",
        "    filesets: [rtl]",
        f"    toplevel: {contents.name}",
        "  synth:",
        "    filesets: [rtl, constraints]",
        "    default_tool: vivado",
        "    tools:",
        "      vivado:",
        f"        part: {VIVADO_PART}",
        f"    toplevel: {contents.name}",
    ]
    if contents.bench:
        lines += [
            "  sim:",
            "    filesets: [rtl, bench]",
            "    default_tool: verilator",
            "    tools:",
            "      verilator:",
            "        mode: binary",
            "        verilator_options: [--timing, -Wno-fatal]",
            f"    toplevel: {contents.name}_tb",
        ]
    return "\n".join([*lines, ""])


def _fileset(name: str, files: Sequence[str], kind: str) -> list[str]:
    return [f"  {name}:", "    files:", *(f"      - {file}" for file in files), f"    file_type: {kind}"]
