"""The frame of every page, and plots as data inside it."""

from __future__ import annotations

import functools
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bokeh.model import Model
    from jinja2 import Environment

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Plot:
    """A plot as a page holds it: the ``id`` of its place, and what BokehJS draws there."""

    id: str
    json: str


def plot(figure: Model, name: str) -> Plot:
    """``figure`` for the place ``name`` of a page."""
    from bokeh.embed import json_item
    from markupsafe import Markup

    place = f"plot-{anchor(name)}"
    return Plot(place, Markup(script_safe(json.dumps(json_item(figure, place)))))


def script_safe(text: str) -> str:
    """JSON that may stand within a script element: names of seeds may hold anything."""
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def anchor(name: str) -> str:
    """A name as the id of an element; different names stay different."""
    return re.sub(r"[^A-Za-z0-9_-]", lambda match: f".{ord(match[0]):x}", name)


def number(value: float | None) -> str:
    """A number with four digits for people; – if there is none."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    text = f"{value:.4g}"
    return f"{value:,.0f}" if "e" in text and abs(value) >= 1 else text


def said(value: object) -> str:
    """A value as text; – if there is none."""
    return "–" if value is None else str(value)


def measured(value: float, low: float, high: float) -> tuple[str, str, str]:
    """A value and its distances to both ends, rounded to two digits of the smaller distance that is not 0."""
    up, down = high - value, value - low
    smallest = min((distance for distance in (up, down) if distance > 0), default=0.0)
    if not smallest:
        return number(value), "0", "0"
    digits = min(max(1 - math.floor(math.log10(smallest)), 0), 9)
    rounded = [f"{part:,.{digits}f}" for part in (value, up, down)]
    return rounded[0], rounded[1], rounded[2]


def render(template: str, *, plots: bool = True, **values: Any) -> str:
    """The page of ``template`` (a file of this folder); ``plots``: it has some, and BokehJS comes with it."""
    from importlib.metadata import version

    from markupsafe import Markup

    return (
        _environment()
        .get_template(template)
        .render(
            version=version("l1forge"),
            css=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),
            script=Markup((FOLDER / "page.js").read_text(encoding="utf-8")),
            bokeh=Markup(_bokeh()) if plots else None,
            **values,
        )
    )


@functools.cache
def _bokeh() -> str:
    """BokehJS without widgets and tables: 1.2 MB."""
    from bokeh.resources import Resources

    scripts: list[str] = Resources(mode="inline", components=["bokeh"]).js_raw
    return "\n".join(scripts).replace("</script", "<\\/script")


@functools.cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup, escape

    def code(note: str) -> Markup:
        return Markup(re.sub(r"`(.*?)`", r"<code>\1</code>", str(escape(note))))

    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {"code": code, "number": number, "anchor": anchor, "said": said}
    environment.globals |= {"measured": measured}
    return environment
