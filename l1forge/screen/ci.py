"""What continuous integration reads: JUnit XML, and annotations of GitHub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from l1forge.emulator.atomic import write_text


@dataclass(frozen=True)
class Check:
    """One thing that was verified.

    Parameters
    ----------
    kind, name
        What is compared (``cosim``, ``menu``, ...), and of which model, seed or file.
    passed
        Whether nothing differs.
    verdict
        One sentence with the numbers; of a failure, what differs first.
    seconds
        Time that it took.
    file
        The file to look at, for annotations.
    """

    kind: str
    name: str
    passed: bool
    verdict: str
    seconds: float = 0.0
    file: str = ""


def write_junit(path: Path, suite: str, checks: Sequence[Check]) -> None:
    """Write the checks as a JUnit test suite, which GitLab, GitHub and Jenkins show."""
    root = ElementTree.Element(
        "testsuite",
        name=suite,
        tests=str(len(checks)),
        failures=str(sum(not check.passed for check in checks)),
        errors="0",
        time=f"{sum(check.seconds for check in checks):.3f}",
    )
    for check in checks:
        case = ElementTree.SubElement(
            root, "testcase", classname=f"{suite}.{check.kind}", name=check.name, time=f"{check.seconds:.3f}"
        )
        if check.passed:
            ElementTree.SubElement(case, "system-out").text = check.verdict
        else:
            ElementTree.SubElement(case, "failure", message=check.verdict).text = check.file
    ElementTree.indent(root)
    text = ElementTree.tostring(root, encoding="unicode", xml_declaration=True)
    write_text(path, text.replace("encoding='us-ascii'", "encoding='UTF-8'") + "\n")


def github_lines(checks: Sequence[Check]) -> list[str]:
    """Workflow commands that GitHub shows as annotations: an error for each failure, one notice in all."""
    lines = []
    for check in checks:
        if not check.passed:
            place = f"file={_escaped(check.file, True)}," if check.file else ""
            title = _escaped(f"{check.kind} {check.name}", True)
            lines.append(f"::error {place}title={title}::{_escaped(check.verdict)}")
    passed = sum(check.passed for check in checks)
    return [*lines, f"::notice title=l1forge::{passed} of {len(checks)} checks passed"]


def badge(checks: Sequence[Check]) -> dict[str, object]:
    """The JSON that shields.io draws a badge from."""
    failed = sum(not check.passed for check in checks)
    message = "exact" if not failed else f"{failed} of {len(checks)} differ"
    return {
        "schemaVersion": 1,
        "label": "co-verification",
        "message": message,
        "color": "red" if failed else "brightgreen",
    }


def report(suite: str, checks: Sequence[Check], junit: Path | None, github: bool) -> None:
    """What ``--junit`` and ``--github`` ask for."""
    if github:
        print("\n".join(github_lines(checks)), flush=True)
    if junit is not None:
        write_junit(junit, suite, checks)


def _escaped(text: str, of_property: bool = False) -> str:
    for character in "%\r\n" + (",:" if of_property else ""):
        text = text.replace(character, f"%{ord(character):02X}")
    return text
