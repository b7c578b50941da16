"""Pages of the documentation site that are made when it is built (a hook of mkdocs; see mkdocs.yml).

The public names of ``l1forge`` enter the Python reference from ``l1forge.__all__``, so that no second list of
them exists. Pages that stand elsewhere in the repository, and pictures beside the models, are copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import l1forge

ROOT = Path(__file__).parents[2]
ELSEWHERE = {
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "simulation/sample/README.md": "sample.md",
}
"""Page of the repository -> its name in the site."""
LINK = re.compile(r"\]\((?:\.\./)+([^)#\s]+)")
PUBLIC_NAMES = re.compile(r"<!-- public names: .*? -->")
EMPTY_SECTION = re.compile(r"^## [^\n]+\n\s*(?=^## |\Z)", re.MULTILINE)
DIRECTIVE = re.compile(r"^::: (\S+)\n", re.MULTILINE)


def identifier(name: str) -> str:
    """Where the public ``name`` is defined, as a dotted path: what mkdocstrings documents."""
    found: Any = getattr(l1forge, name)
    if hasattr(found, "__qualname__"):
        return f"{found.__module__}.{found.__qualname__}"
    return getattr(found, "__name__", f"l1forge.{name}")


def public_names() -> dict[str, str]:
    """Public name -> where it is defined (``__version__`` is described in words, not here)."""
    names = [name for name in getattr(l1forge, "__all__", ()) if not name.startswith("__")]
    return {f"l1forge.{name}": identifier(name) for name in names}


def results() -> list[str]:
    """The classes of l1forge that public functions return, for they have no public name.

    Annotations are read, not evaluated: names that only type checkers import do not exist when this runs.
    """
    classes: dict[str, None] = {}
    package = griffe.load("l1forge", search_paths=[str(ROOT)])
    for place in public_names().values():
        module, _, name = place.removeprefix("l1forge.").rpartition(".")
        described = (package[module] if module else package).members.get(name)
        result = getattr(getattr(described, "returns", None), "canonical_path", "")
        if result.startswith("l1forge."):
            classes[result] = None
    return list(classes)


def with_public_names(text: str, public: Mapping[str, str], returned: Sequence[str]) -> str:
    """The reference page with public names and their results in place, each thing listed once only."""
    shown = {*public.values(), *returned}
    text = DIRECTIVE.sub(lambda found: "" if found[1] in shown else found[0], text)
    lines = [f"::: {place}\n    options:\n      heading: {name}" for name, place in public.items()]
    lines += [f"::: {place}" for place in returned if place not in public.values()]
    text = PUBLIC_NAMES.sub(lambda _: "\n\n".join(lines) or "No public names yet.", text)
    return EMPTY_SECTION.sub("", text)


def in_site(path: str) -> str:
    """Name in the site of a file of the repository."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return ELSEWHERE.get(path, f"repository/{path}")


def linked(text: str) -> list[str]:
    """Files outside docs/ to which a page in docs/ links, ``](../models/vae/curves.png)``, but for pages."""
    return [path for path in LINK.findall(text) if in_site(path).startswith("repository/")]


def moved(text: str) -> str:
    """A page with its links, ``../FILE`` or ``docs/PAGE``, as the site has them."""
    text = LINK.sub(lambda found: f"]({in_site(found[1])}", text)
    return re.sub(r"\]\(docs/", "](", text)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that stand elsewhere in the repository, and the pictures to which pages link."""
    pictures = {path for page in files.documentation_pages() for path in linked(page.content_string)}
    for source, name in ELSEWHERE.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    for path in sorted(pictures):
        files.append(File.generated(config, in_site(path), abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill the Python reference; links lead to the places that files have in the site."""
    if page.file.src_uri == "reference.md":
        return with_public_names(markdown, public_names(), results())
    return moved(markdown)
