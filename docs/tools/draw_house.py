"""The drawing of the house in docs/architecture.md, made from the imports: `make house`.

The rooms and their order are those of the layers contract in pyproject.toml; who imports whom is read from
the code by grimp, the library behind import-linter. The script writes docs/figures/house.svg and the table
between two marks in docs/architecture.md. A test demands that both agree with the code.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import grimp

from l1forge.emulator.atomic import write_text

ROOT = Path(__file__).parents[2]
DRAWING = ROOT / "docs/figures/house.svg"
PAGE = ROOT / "docs/architecture.md"
BEGIN = "<!-- house: written by make house -->\n"
END = "<!-- end of house -->\n"
PACKAGE = "l1forge"
FACE = "l1forge/__init__.py"

NAME_WIDTH, STEP, ROW, HEAD, MARGIN = 330, 34, 46, 118, 12  # pixels of the drawing
WRAP = 48
"""Characters of a line of room names."""


@dataclass(frozen=True)
class House:
    """What the drawing shows: rooms from top to bottom, what is inside, and who imports whom."""

    rooms: tuple[str, ...]
    """Names below ``l1forge``, the highest first; ``commands``, ``emulator``, …"""
    level: Mapping[str, int]
    """Layer of each room, 0 at the top; rooms of one layer may not import each other."""
    inside: Mapping[str, tuple[str, ...]]
    """Folders, or modules where there is no folder, of each room."""
    imports: frozenset[tuple[str, str]]
    """(room that imports, room that is imported)."""
    inner: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]
    """Folder inside a room, such as ``emulator.menu``: what it imports from its room, and other rooms."""


def layers(text: str) -> list[list[str]]:
    """The layers contract in the text of a pyproject.toml, from the top, as names below ``l1forge``."""
    contracts = tomllib.loads(text)["tool"]["importlinter"]["contracts"]
    contract = next(one for one in contracts if one["type"] == "layers" and "containers" not in one)
    rows = (row.replace(":", "|").split("|") for row in contract["layers"])
    return [[name.strip(" ()").removeprefix(f"{PACKAGE}.") for name in row] for row in rows]


def room_of(module: str) -> str:
    """``l1forge.emulator.graph.fixed`` -> ``emulator``; the package itself is its public face."""
    return [*module.split("."), FACE][1]


def read_house(project: str, graph: grimp.ImportGraph) -> House:
    """The house of an import graph, with the layers of the text of ``project`` (pyproject.toml).

    Raises
    ------
    ValueError
        If a module stands in no layer of the contract.
    """
    level = {room: number for number, row in enumerate(layers(project), start=1) for room in row}
    level[FACE] = 0
    missing = {room_of(module) for module in graph.modules} - level.keys()
    if missing:
        raise ValueError(f"not in the layers contract of pyproject.toml: {', '.join(sorted(missing))}")
    children: dict[str, set[str]] = {room: set() for room in level}
    for module in graph.modules:
        parts = module.split(".")
        if len(parts) > 2:
            children[parts[1]].add(parts[2])
    inside = {
        room: tuple(
            sorted(one for one in names if graph.find_children(f"{PACKAGE}.{room}.{one}")) or sorted(names)
        )
        for room, names in children.items()
    }
    pairs = [
        (a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a) if b != PACKAGE
    ]
    imports = frozenset((room_of(a), room_of(b)) for a, b in pairs if room_of(a) != room_of(b))
    inner = {}
    for room, names in inside.items():
        for name in names:
            here = f"{room}.{name}"
            if not graph.find_children(f"{PACKAGE}.{here}"):
                continue
            used = [b for a, b in pairs if f"{a}.".startswith(f"{PACKAGE}.{here}.")]
            near = {b.split(".")[2] for b in used if room_of(b) == room and b.count(".") > 1} - {name}
            inner[here] = tuple(sorted(near)), tuple(sorted({room_of(b) for b in used} - {room}))
    rooms = tuple(room for room in sorted(level, key=lambda r: level[r]) if room != FACE)
    if any(a == FACE for a, _ in imports):
        rooms = (FACE, *rooms)
    return House(rooms, level, inside, imports, inner)


def wrapped(names: tuple[str, ...]) -> list[str]:
    """Names in lines of at most ``WRAP`` characters, two lines at most; what does not fit is counted."""
    lines, rest = [""], list(names)
    while rest:
        longer = f"{lines[-1]} · {rest[0]}" if lines[-1] else rest[0]
        if len(longer) <= WRAP - (8 if len(lines) == 2 else 0):
            lines[-1] = longer
        elif len(lines) < 2:
            lines.append(rest[0])
        else:
            lines[-1] += f" · {len(rest)} more"
            break
        rest.pop(0)
    return lines


def text_at(x: float, y: float, what: str, style: str) -> str:
    return f'<text x="{x:g}" y="{y:g}" {style}>{what}</text>'


def to_svg(house: House) -> str:
    """Rooms as rows; a dot where the row's room imports the column's room, red where it must not."""
    width = MARGIN * 2 + NAME_WIDTH + STEP * len(house.rooms)
    height = HEAD + ROW * len(house.rooms) + MARGIN + 20
    strong = 'font-size="14" font-weight="bold" fill="#222"'
    weak = 'font-size="10" fill="#555"'
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" font-family="Helvetica, Arial, sans-serif">',
        "<title>The rooms of l1forge and their imports</title>",
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    for place, room in enumerate(house.rooms):
        x, y = MARGIN + NAME_WIDTH + STEP * (place + 0.5), HEAD + ROW * place
        turned = f'font-size="12" fill="#222" transform="rotate(-60 {x:g} {HEAD - 8})"'
        out.append(text_at(x, HEAD - 8, room, turned))
        out.append(
            f'<rect x="{MARGIN}" y="{y + 2}" width="{NAME_WIDTH - 8}" height="{ROW - 4}" rx="4" '
            f'fill="#eef3fc" stroke="#3b6ab0"/>'
        )
        out.append(text_at(MARGIN + 8, y + 16, room, strong))
        for line, names in enumerate(wrapped(house.inside[room])):
            out.append(text_at(MARGIN + 8, y + 28 + 11 * line, names, weak))
        for column, other in enumerate(house.rooms):
            left = MARGIN + NAME_WIDTH + STEP * column
            box = "#d9dde3" if column == place else "#fbfbfb"
            out.append(
                f'<rect x="{left}" y="{y + 2}" width="{STEP - 2}" height="{ROW - 4}" fill="{box}" '
                f'stroke="#ddd"/>'
            )
            if (room, other) in house.imports:
                colour = "#2d7d32" if house.level[room] < house.level[other] else "#c62828"
                out.append(
                    f'<circle cx="{left + STEP / 2 - 1:g}" cy="{y + ROW / 2:g}" r="7" fill="{colour}"/>'
                )
    note = "a dot: the room of the row imports the room of the column; red: against the contract"
    return "\n".join([*out, text_at(MARGIN, height - 12, note, weak), "</svg>", ""])


def to_table(house: House) -> str:
    """Each folder inside the rooms with what it imports, as Markdown."""
    lines = ["| folder | imports from its own room | imports other rooms |", "|---|---|---|"]
    for name in sorted(house.inner, key=lambda n: (-house.level[n.split(".")[0]], n)):
        near, far = house.inner[name]
        lines.append(f"| `{folder(name)}` | {', '.join(near) or '–'} | {', '.join(far) or '–'} |")
    return "\n".join(lines) + "\n"


def folder(name: str) -> str:
    """Where a room or a folder inside it stands in the repository."""
    path = name.replace(".", "/") + "/"
    return path if (ROOT / path).is_dir() else f"{PACKAGE}/{path}"


def with_table(page: str, table: str) -> str:
    """``page`` with the table between its two marks."""
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}{table}{END}{tail}"


def main() -> None:
    house = read_house((ROOT / "pyproject.toml").read_text(), grimp.build_graph(PACKAGE, cache_dir=None))
    write_text(DRAWING, to_svg(house))
    write_text(PAGE, with_table(PAGE.read_text(), to_table(house)))
    print(f"wrote {DRAWING.relative_to(ROOT)} and the table of {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
