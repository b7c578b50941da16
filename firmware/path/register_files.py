"""The register map as files for those who write software for the board: JSON, C header, table."""

from __future__ import annotations

import json

from l1forge.emulator.path.registers import document_of
from l1forge.firmware.path.register_map import (
    ADDRESS_BITS,
    ARM,
    MASK_BASE,
    MASK_CROSSING,
    MASK_PAGE,
    NEW_SECTION,
    PathRegister,
    RegisterMap,
)


def register_files(registers: RegisterMap, name: str) -> dict[str, str]:
    """File name to text: map as JSON and C header, table, and a register file with the values after reset."""
    example = json.dumps(document_of(registers.reset, registers.menu), indent=1)
    return {
        "registers.json": map_json(registers, name),
        "registers.h": c_header(registers, name),
        "registers.md": table(registers, name),
        "register_values.json": example + "\n",
    }


def map_json(registers: RegisterMap, name: str) -> str:
    """The map for programs: addresses in bytes."""
    rows = ",\n".join(f"  {json.dumps(_row(register))}" for register in registers.registers)
    masks = {"base": MASK_BASE, "page": MASK_PAGE, "crossing": MASK_CROSSING, "words": registers.words}
    head = {
        "format": "l1forge-register-map",
        "version": 1,
        "path": name,
        "menu": registers.menu.name,
        "map_id": registers.identity,
        "address_bits": ADDRESS_BITS,
        "bx_masks": masks,
    }
    lines = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    return "{\n" + ",\n".join([*lines, f' "registers": [\n{rows}\n ]']) + "\n}\n"


def _row(register: PathRegister) -> dict[str, object]:
    row: dict[str, object] = {
        "name": register.name,
        "address": register.address,
        "access": register.access,
        "width": register.width,
        "about": register.about,
    }
    if register.access == "rw":
        row |= {"reset": register.reset, "least": register.least, "most": register.most}
        if register.bits is not None:
            row["bits"] = register.bits
    return row


def c_header(registers: RegisterMap, name: str) -> str:
    """The addresses as C macros."""
    prefix = name.upper()
    lines = [
        f"/* Registers of {name}, menu {registers.menu.name}: byte addresses on the AXI4-Lite bus.",
        " * Written by l1forge; docs/path-rtl.md explains them. */",
        f"#ifndef {prefix}_REGISTERS_H",
        f"#define {prefix}_REGISTERS_H",
        "",
        f"#define {prefix}_MAP_ID_VALUE 0x{registers.identity:08X}u",
        f"#define {prefix}_APPLY_ARM {ARM}u",
        f"#define {prefix}_APPLY_NEW_SECTION {NEW_SECTION}u",
        f"#define {prefix}_BX_MASK(page, bx, word) "
        f"(0x{MASK_BASE:05X}u + (page) * 0x{MASK_PAGE:X}u + (bx) * 0x{MASK_CROSSING:X}u + (word) * 4u)",
        "",
    ]
    for register in registers.registers:
        lines.append(f"/* {register.access}, {register.width} bits: {_comment(register.about)} */")
        lines.append(f"#define {prefix}_{register.name.upper()} 0x{register.address:05X}u")
    return "\n".join([*lines, "", "#endif", ""])


def _comment(text: str) -> str:
    return text.replace("*/", "* /")


def table(registers: RegisterMap, name: str) -> str:
    """The map for people, in Markdown."""
    lines = [
        f"# Registers of {name}",
        "",
        f"Menu {registers.menu.name}, map_id `0x{registers.identity:08x}`. Byte addresses.",
        "",
        "| address | name | access | bits | after reset | |",
        "|---|---|---|--:|--:|---|",
    ]
    for r in registers.registers:
        reset = "" if r.access == "ro" else str(r.reset)
        lines.append(f"| `0x{r.address:05x}` | `{r.name}` | {r.access} | {r.width} | {reset} | {r.about} |")
    lines.append(
        f"| `0x{MASK_BASE:05x}` + | `bx_mask` | rw | 32 | 0 | + page × 0x{MASK_PAGE:x}"
        f" + BX × 0x{MASK_CROSSING:x} + 4 × word: a set bit shuts the algorithm in this crossing |"
    )
    return "\n".join([*lines, ""])
