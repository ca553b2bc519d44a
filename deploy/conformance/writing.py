"""The conformance statement: written by people, its tables by the code."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.conformance.tables import TABLES

TEMPLATE = Path(__file__).with_name("statement.md")
_MARK = re.compile(r"^\{\{ (\w+) \}\}$", re.MULTILINE)
_NOTE = (
    "<!-- Written by `manage.py conformance` from deploy/conformance/statement.md and the code. -->"
)


def conformance_statement() -> str:
    """Return the statement with every table filled in.

    Raises
    ------
    KeyError
        The template asks for a table that there is not.
    """
    text = _MARK.sub(lambda mark: TABLES[mark.group(1)](), TEMPLATE.read_text("utf-8"))
    return f"{_NOTE}\n{text}"
