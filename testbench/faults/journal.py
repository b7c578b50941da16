"""Verdicts of a campaign as they are found, so that one that was interrupted goes on."""

from __future__ import annotations

import json
from pathlib import Path


class Journal:
    """One line for each verdict, in ``folder/KEY.jsonl``; without a folder nothing is kept.

    ``seen``: number of a fault to what noticed it and after how many crossings; ``reasons``: of survivors.
    """

    def __init__(self, folder: Path | None, key: str, faults: int) -> None:
        self.file = None if folder is None else folder / f"{key}.jsonl"
        self.seen: dict[int, tuple[str | None, int]] = {}
        self.reasons: dict[int, str] = {}
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        for line in lines:
            try:
                entry = json.loads(line)
                number = int(entry["fault"])
                if not 1 <= number <= faults:
                    continue
                if "reason" in entry:
                    self.reasons[number] = str(entry["reason"])
                else:
                    caught = entry["caught"]
                    self.seen[number] = (None if caught is None else str(caught)), int(entry["crossings"])
            except (ValueError, KeyError, TypeError):
                continue  # the last line of a run that was killed

    def verdict(self, number: int, caught: str | None, crossings: int) -> None:
        """What became of a fault."""
        self.seen[number] = caught, crossings
        self._add({"fault": number, "caught": caught, "crossings": crossings})

    def reason(self, number: int, reason: str) -> None:
        """Why nothing noticed it."""
        self.reasons[number] = reason
        self._add({"fault": number, "reason": reason})

    def _add(self, entry: dict[str, object]) -> None:
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(entry) + "\n")
