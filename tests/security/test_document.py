"""`docs/security.md` names tests that exist, every number, every requirement."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NUMBERS = {*range(14, 19), 20, 23, 24, *range(30, 46), *range(80, 90)}
# Requirements of levels 1 and 2 in OWASP ASVS 5.0.0.
REQUIREMENTS = 253
LINE = re.compile(r"^\| (\d+\.\d+\.\d+) \| (met|partly|not met|not here) \|", re.MULTILINE)
FUNCTION = re.compile(r"^\s*(?:async )?def (test_\w+)", re.MULTILINE)


def test_each_test_that_is_named_is_there() -> None:
    sources = list((ROOT / "tests").rglob("test_*.py"))
    functions = {
        name
        for path in sources
        for name in re.findall(
            r"^\s*(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE
        )
    }
    files = {path.name for path in sources}
    missing = []
    for named in sorted(set(re.findall(r"`((?:tests?[_/])[\w/.…]*)`", TEXT))):
        if named.startswith("tests/"):
            is_there = (ROOT / named).exists()
        elif named.endswith(".py"):
            is_there = named in files
        elif named.endswith("…"):
            is_there = any(one.startswith(named[:-1]) for one in functions)
        else:
            is_there = named in functions or f"{named}.py" in files
        if not is_there:
            missing.append(named)
    assert missing == []


def test_every_number_and_requirement_has_a_line() -> None:
    numbers = {int(one) for one in re.findall(r"^\| T(\d+) \|", TEXT, re.MULTILINE)}
    assert numbers == NUMBERS
    rows = re.findall(
        r"^\| (\d+\.\d+\.\d+) \| (met|partly|not met|not here) \|", TEXT, re.MULTILINE
    )
    assert len(rows) == len(dict(rows)) == REQUIREMENTS
    said = re.search(
        r"All (\d+) requirements.*?: (\d+) met, (\d+) partly, (\d+) not met, (\d+) about",
        TEXT,
        re.DOTALL,
    )
    states = [state for _, state in rows]
    counted = [states.count(one) for one in ("met", "partly", "not met", "not here")]
    assert [int(one) for one in said.groups()] == [len(rows), *counted]
