"""One door for all menu files: YAML, official XML, compiled JSON."""

from __future__ import annotations

from pathlib import Path

from l1forge.emulator.errors import InputError
from l1forge.emulator.menu.compiled import CompiledMenu, Judge, OverlapRule, load_compiled, read_document
from l1forge.emulator.menu.language.firmware_menu import is_firmware_menu, read_firmware_menu
from l1forge.emulator.menu.language.xml_menu import read_xml_menu
from l1forge.emulator.menu.language.yaml_menu import read_yaml_menu

MENUS = Path(__file__).parents[1]
DEFAULT = MENUS / "default.yaml"
KNOWN_VECTORS = MENUS / "known.yaml"
"""Expected bits of official test vectors that are known to be wrong."""


def read_json_menu(path: str | Path) -> CompiledMenu:
    """A compiled menu, or the limits of deployed firmware as JSON."""
    document = read_document(path)
    return read_firmware_menu(document, path) if is_firmware_menu(document) else load_compiled(path)


def load_menu(
    path: str | Path, judge: Judge | None = None, overlap: OverlapRule | None = None
) -> CompiledMenu:
    """Read a menu by its suffix and compile it; ``judge`` and ``overlap`` override the file's.

    Raises
    ------
    InputError
        If the suffix is not known or the file cannot be used; names file, line and column.
    """
    match Path(path).suffix.lower():
        case ".yaml" | ".yml":
            menu = read_yaml_menu(path)
        case ".xml":
            menu = read_xml_menu(path)
        case ".json":
            menu = read_json_menu(path)
        case suffix:
            remedy = "a menu is .yaml, .xml (official) or .json (compiled)"
            raise InputError("unknown kind of menu file", file=path, value=suffix, remedy=remedy)
    chosen = {"judge": judge, "overlap": overlap}
    return menu.model_copy(update={key: value for key, value in chosen.items() if value is not None})
