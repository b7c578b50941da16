"""Behind the menu: bunch-crossing masks, prescales, FinOR and veto, trigger rules, counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from l1forge.emulator.path.registers import RULES
from l1forge.firmware.menu.verilog import span
from l1forge.firmware.path.register_map import REASONS, WORD

if TYPE_CHECKING:
    from l1forge.firmware.path.top import PathTop


def write_decision(top: PathTop) -> None:
    """Masks, prescales, FinOR, veto, trigger rules, and what is counted in each section."""
    p, m = top.prescale_stage, top.module
    count, words = len(top.names), top.registers.words
    top.section("stage P: bunch-crossing masks and prescales, then F: FinOR and veto, then R: trigger rules")
    m.body.append("    wire bx_mask_page_active;")
    for word in words:
        m.body += [
            f"    wire [31:0] closed_{word}, mask_found_{word};",
            f"    path_mask mask_{word} (",
            f"        .clk(clk), .now({{bx_mask_page_active, {top.bx_at(p - 1)}}}), .closed(closed_{word}),",
            f"        .write(mask_write & (mask_place[3:0] == 4'd{word})), .place(mask_place[16:4]),",
            f"        .value(bus_data), .found(mask_found_{word})",
            "    );",
        ]
    m.body += [f"    wire {span(count)} fired;", "    wire accepts;"]
    for i, (name, index) in enumerate(zip(top.names, top.indices, strict=True)):
        m.body += [
            f"    wire [31:0] prescale_{name}, before_{name}, after_{name}, accepted_{name};",
            f"    path_algorithm algorithm_{name} (",
            f"        .clk(clk), .rst(rst), .live({top.at('live', p)}), .hit(hit[{i}]),",
            f"        .closed(closed_{index // WORD}[{index % WORD}]), .last_p({top.at('begins', p - 1)}),",
            f"        .take({top.at('take', p - 1)}), .accept(accepts), .last_r({top.at('begins', p + 1)}),",
            f"        .write(write_prescale_{name}), .value(bus_data), .prescale(prescale_{name}),"
            f" .fired(fired[{i}]),",
            f"        .n_before(before_{name}), .n_after(after_{name}), .n_accepted(accepted_{name})",
            "    );",
        ]
    spread: dict[str, list[str]] = {"finor": [], "veto": []}
    for word in words:
        for kind in spread:
            m.body.append(f"    wire [31:0] {kind}_{word}_active;")
    for index in reversed(top.indices):
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
        f"        .clk(clk), .rst(rst), .live({top.at('live', p + 2)}), .request(request),",
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
    counted = {
        "crossings": top.at("live", p + 2),
        "requests": f"request & {top.at('live', p + 2)}",
        "accepts": "accepts",
    }
    for i, reason in enumerate(REASONS):
        counted[f"lost_{reason}"] = f"closes[{i}] & request"
        counted[f"dead_{reason}"] = f"closes[{i}]"
    last = top.at("begins", p + 1)
    for name, text in counted.items():
        m.body += [
            f"    wire [31:0] count_{name};",
            f"    path_counter counter_{name} (",
            f"        .clk(clk), .rst(rst), .count({text}), .last({last}), .readout(count_{name})",
            "    );",
        ]
