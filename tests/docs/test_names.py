"""Every path, module and dotted name that the documentation mentions exists."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

from l1forge.cli import SUBCOMMANDS

ROOT = Path(__file__).parents[2]
FOLDERS = (
    "emulator",
    "firmware",
    "models",
    "simulation",
    "testbench",
    "l1forge",
    "docs",
    "tests",
    "examples",
)
FOLDERS += (".github", ".ci")
PAGES = sorted(
    [*ROOT.glob("docs/*.md"), *ROOT.glob(".github/**/*.md"), *ROOT.glob("*/**/README.md")]
    + [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
)
PAGES = [page for page in PAGES if page.relative_to(ROOT).parts[0] in ("README.md", *FOLDERS, page.name)]

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
PATH = re.compile(r"(?<![\w./-])(\.?\w[\w.-]*(?:/[\w.<>*{},-]+)+/?|\.?\w[\w.-]*/)")
MODULE = re.compile(r"`(\w+\.(?:py|cpp|sv|v|yaml))`")
TARGET = re.compile(r"\bmake ([a-z][a-z-]*)\b(?!\.)")
COMMAND = re.compile(r"(?:^|[`|$;] ?|&& )l1forge ([a-z][a-z-]*)\b", re.MULTILINE)
DOTTED = re.compile(r"\bl1forge(?!\.toml\b)(?:\.(?!__)[a-z_]\w*)+(?:\.[A-Za-z]\w*)?")
MODULE_NAME = re.compile(rf"``((?:{'|'.join(FOLDERS[:5])})(?:\.\w+)+)``")
LINK = re.compile(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)")
PLACEHOLDER = re.compile(r"<\w+>|\b[A-Z]{2,}\b(?!\.md)")
"""What stands for any name: ``models/<name>/hls.py``, ``models/NAME/hls.py``."""


def alternatives(path: str) -> list[str]:
    """``a/{b,c}.py`` -> ``a/b.py``, ``a/c.py``."""
    parts = re.split(r"\{([^}]*)\}", path)
    choices = [part.split(",") if number % 2 else [part] for number, part in enumerate(parts)]
    return ["".join(choice) for choice in product(*choices)]


def missing_paths(text: str) -> list[str]:
    """Paths in ``text`` that begin with a folder of the repository and do not exist.

    Outside code only what ends in a slash or an ending counts: "models/kernels" may be two words.
    """
    prose = CODE.sub(" ", text)
    named = {path for code in CODE.findall(text) for path in PATH.findall(code)}
    named |= {path for path in PATH.findall(prose) if re.search(r"/$|\.\w{1,4}\.?$", path)}
    wrong = []
    for path in sorted(named):
        if path.split("/")[0] not in FOLDERS:
            continue
        for one in alternatives(path.rstrip(".,")):
            pattern = PLACEHOLDER.sub("*", one).rstrip("/")
            if not any(ROOT.glob(pattern)):
                wrong.append(one)
    return wrong


def missing_modules(text: str) -> list[str]:
    """Names such as ``casts.py`` of files that no folder of the repository has."""
    named = sorted({name for name in MODULE.findall(text) if not PLACEHOLDER.match(name.split("_")[0])})
    return [name for name in named if not any(found_by_name(name))]


def found_by_name(name: str) -> list[Path]:
    return [path for folder in FOLDERS for path in (ROOT / folder).rglob(name)]


def missing_names(text: str) -> list[str]:
    """Dotted names below ``l1forge`` that are neither a module nor something defined or imported in one."""
    return [name for name in sorted(set(DOTTED.findall(text))) if not name_exists(name)]


def name_exists(name: str) -> bool:
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        place = ROOT.joinpath(*parts[:length])
        source = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if not source.is_file():
            continue
        rest = parts[length:]
        return not rest or bool(re.search(rf"\b{rest[0]}\b", source.read_text(encoding="utf-8")))
    return False


def stale_names(text: str) -> list[str]:
    """Names in double back-ticks, such as ``emulator.graph.fixed``, of modules that are gone."""
    return [name for name in sorted(set(MODULE_NAME.findall(text))) if not name_exists(f"l1forge.{name}")]


def code_of(text: str) -> str:
    """What stands in code, without the comments of shell lines."""
    return re.sub(r"(?m)\s#.*$", "", "\n".join(CODE.findall(text)))


def missing_targets(text: str) -> list[str]:
    """``make NAME`` for which the Makefile has no target."""
    known = set(
        re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    return sorted(set(TARGET.findall(code_of(text))) - known)


def missing_commands(text: str) -> list[str]:
    """``l1forge NAME`` that is not a command."""
    return sorted(set(COMMAND.findall(code_of(text))) - set(SUBCOMMANDS))


def missing_links(page: Path, text: str) -> list[str]:
    """Targets of relative links that do not exist. Two pages are made when the site is built."""
    made = {ROOT / "docs/contributing.md", ROOT / "docs/changelog.md"}
    targets = sorted(set(LINK.findall(CODE.sub(" ", text))))
    return [name for name in targets if not (page.parent / name).exists() and page.parent / name not in made]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_everything_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert missing_paths(text) == []
    assert missing_modules(text) == []
    assert missing_names(text) == []
    assert missing_links(page, text) == []
    assert missing_targets(text) == []
    assert missing_commands(text) == []


def test_docstrings_name_modules_that_exist() -> None:
    sources = [source for folder in FOLDERS[:5] for source in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 200
    stale = {str(source): stale_names(source.read_text(encoding="utf-8")) for source in sources}
    assert {source: names for source, names in stale.items() if names} == {}


def test_a_stale_name_in_a_docstring_is_noticed() -> None:
    assert stale_names("see ``emulator.ops`` and ``emulator.graph.fixed``") == ["emulator.ops"]


def test_all_pages_are_looked_at() -> None:
    names = {str(page.relative_to(ROOT)) for page in PAGES}
    assert {"README.md", "CONTRIBUTING.md", "docs/architecture.md", "simulation/sample/README.md"} <= names


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("see `emulator/graph/gone.py`", ["emulator/graph/gone.py"]),
        ("see emulator/graph/gone.py.", ["emulator/graph/gone.py"]),
        ("```\nl1forge rates vae simulation/sample/gone.parquet\n```", ["simulation/sample/gone.parquet"]),
        ("`l1forge/commands/{rates,gone}.py`", ["l1forge/commands/gone.py"]),
        ("`models/<name>/gone.py`", ["models/<name>/gone.py"]),
        (
            "`models/<name>/hls.py`, `models/NAME/hls.py`, `models/*/`, `emulator/graph/`, emulator/firmware",
            [],
        ),
        ("`build/rtl/vae/top.v`, my/emulator/gone.py", []),
    ],
)
def test_a_path_that_is_gone_is_noticed(text: str, missing: list[str]) -> None:
    assert missing_paths(text) == missing


def test_a_module_that_is_gone_is_noticed() -> None:
    assert missing_modules("`casts.py`, `gone_module.py`, `NAME_bridge.cpp`") == ["gone_module.py"]


def test_a_name_that_is_gone_is_noticed() -> None:
    text = "l1forge.emulator.graph.graph.Graph, l1forge.emulator.graph.graph.Gone, l1forge.gone.module"
    assert missing_names(text) == ["l1forge.emulator.graph.graph.Gone", "l1forge.gone.module"]


def test_a_link_that_leads_nowhere_is_noticed() -> None:
    text = "[a](graph.md#nodes) [b](gone.md) [c](https://example.org/x) `[d](gone_too.md)`"
    assert missing_links(ROOT / "docs/rtl.md", text) == ["gone.md"]


def test_a_target_or_command_that_is_gone_is_noticed() -> None:
    text = (
        "`make demo`, `make gone`, make sense\n```\nl1forge gone x  # l1forge other\nl1forge emulate vae\n```"
    )
    assert missing_targets(text) == ["gone"]
    assert missing_commands(text) == ["gone"]
