"""A model card's Markdown as parts of a page: no HTML of a stranger's ever gets through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

_HEADING = re.compile(r"^(#{1,6})\s+(.+?)\s*#*$")
_ITEM = re.compile(r"^\s*(?:[-*+]|\d+\.)\s+(.*)$")
_RULE_ROW = re.compile(r"^\s*\|?(?:\s*:?-+:?\s*\|)+\s*:?-*:?\s*$")
_MARKS = re.compile(r"(\*\*|__|`)(.+?)\1")
# A star within a word or beside a space is one of the text: 2 * 3, n*m.
_EMPHASIS = re.compile(r"(?<![\w*])\*([^\s*](?:[^*]*[^\s*])?)\*(?![\w*])")
_LINK = re.compile(r"!?\[([^\]]*)\]\(([^)\s]*)[^)]*\)")


@dataclass(frozen=True)
class CardBlock:
    """One part of a card.

    Attributes
    ----------
    kind : heading, text, list, table or code
    text : of a heading, a paragraph or code
    rows : items of a list; cells of a table, the first row its head
    """

    kind: str
    text: str = ""
    rows: tuple[tuple[str, ...], ...] = ()


def card_blocks(markdown: str) -> list[CardBlock]:
    """Split Markdown into headings, paragraphs, lists, tables and code, as plain text."""
    blocks: list[CardBlock] = []
    lines = markdown.replace("\r\n", "\n").split("\n")
    at = 0
    while at < len(lines):
        if not lines[at].strip():
            at += 1
            continue
        block, at = _next_block(lines, at)
        blocks.append(block)
    return blocks


def _next_block(lines: Sequence[str], at: int) -> tuple[CardBlock, int]:
    line = lines[at]
    if heading := _HEADING.match(line):
        return CardBlock("heading", text=_plain(heading[2])), at + 1
    if line.lstrip().startswith("```"):
        end = _while(lines, at + 1, lambda one: not one.lstrip().startswith("```"))
        return CardBlock("code", text="\n".join(lines[at + 1 : end])), end + 1
    if line.lstrip().startswith("|"):
        end = _while(lines, at, lambda one: one.lstrip().startswith("|"))
        return CardBlock("table", rows=_cells(lines[at:end])), end
    if _ITEM.match(line):
        end = _while(lines, at, lambda one: bool(one.strip()) and not _HEADING.match(one))
        return CardBlock("list", rows=_items(lines[at:end])), end
    end = _while(lines, at, _is_paragraph)
    return CardBlock("text", text=_plain(" ".join(one.strip() for one in lines[at:end]))), end


def _while(lines: Sequence[str], start: int, holds: Callable[[str], bool]) -> int:
    return next((at for at in range(start, len(lines)) if not holds(lines[at])), len(lines))


def _is_paragraph(line: str) -> bool:
    begins_other = _HEADING.match(line) or _ITEM.match(line)
    return bool(line.strip()) and not begins_other and not line.lstrip().startswith(("|", "```"))


def _cells(lines: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    rows = (line.strip().strip("|").split("|") for line in lines if not _RULE_ROW.match(line))
    return tuple(tuple(_plain(cell.strip()) for cell in row) for row in rows)


def _items(lines: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    items: list[str] = []
    for line in lines:
        if found := _ITEM.match(line):
            items.append(found[1])
        elif items:
            items[-1] += f" {line.strip()}"
    return tuple((_plain(item),) for item in items)


def _plain(text: str) -> str:
    """Leave out the marks; a link keeps its address in brackets."""
    linked = _LINK.sub(lambda found: f"{found[1]} ({found[2]})" if found[2] else found[1], text)
    return _EMPHASIS.sub(r"\1", _MARKS.sub(r"\2", linked))
