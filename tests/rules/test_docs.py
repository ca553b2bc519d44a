"""What the guides point to is there: files, headings, pictures; and no picture lies unused."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
IMAGES = ROOT / "docs" / "images"
MOST_BYTES = 4_000_000
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)


def _anchors(page: Path) -> set[str]:
    """Anchors as GitHub makes them of headings."""
    headings = _HEADING.findall(page.read_text(encoding="utf-8"))
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {words.replace(" ", "-") for words in plain}


def _links() -> list[tuple[Path, str]]:
    return [
        (page, link)
        for page in PAGES
        for link in _LINK.findall(page.read_text(encoding="utf-8"))
        if not re.match(r"[a-z]+:", link)
    ]


def test_links_lead_to_files_and_headings_that_are_there() -> None:
    lost = []
    for page, link in _links():
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            lost.append(f"{page.name}: {link}")
    assert len(_links()) > 100
    assert lost == []


def test_pictures_are_used_and_small() -> None:
    shown = {(page.parent / link).resolve() for page, link in _links()}
    kept = {file for file in IMAGES.iterdir() if file.suffix != ".md"}
    assert kept - shown == set()
    assert sum(file.stat().st_size for file in kept) < MOST_BYTES
