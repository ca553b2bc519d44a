"""Find what pages, scripts and the portal's code say, and bring the catalogues up to date."""

from __future__ import annotations

import io
import tokenize
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import polib
from babel.messages.extract import extract
from django.utils.translation.template import templatize

from deploy.translations.compiling import LOCALE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT = LOCALE.parents[1]
# How many forms a noun has beside a number (Unicode CLDR).
PLURALS = {
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "zh_Hans": "nplurals=1; plural=0;",
}
_KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
_CODE = ("archive", "inference", "deploy")
# Key of a message: its context, its text, its plural.
Key = tuple[str, str, str]


def update_catalogues() -> dict[str, int]:
    """Bring every catalogue up to date, and return how many texts each still lacks.

    What is no longer said leaves; what is new comes untranslated.
    """
    lacking = {}
    found = {"django": dict(_of_pages()), "djangojs": dict(_of_scripts())}
    for language, plurals in PLURALS.items():
        for domain, said in found.items():
            path = LOCALE / language / "LC_MESSAGES" / f"{domain}.po"
            catalogue = merged(_known(path), said, language=language, plurals=plurals)
            path.parent.mkdir(parents=True, exist_ok=True)
            catalogue.save(str(path))
            lacking[f"{language}/{domain}"] = len(catalogue.untranslated_entries())
    return lacking


def said_anywhere() -> dict[str, set[Key]]:
    """Return every text that pages and scripts may say, by domain."""
    return {
        "django": {key for key, _ in _of_pages()},
        "djangojs": {key for key, _ in _of_scripts()},
    }


def merged(
    known: dict[Key, polib.POEntry], said: dict[Key, list[str]], *, language: str, plurals: str
) -> polib.POFile:
    """Return a catalogue of what is said, with the translations that are known."""
    catalogue = polib.POFile(wrapwidth=96)
    catalogue.metadata = {
        "Project-Id-Version": "Twinsight",
        "Language": language,
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=UTF-8",
        "Content-Transfer-Encoding": "8bit",
        "Plural-Forms": plurals,
    }
    for key, places in said.items():
        catalogue.append(_entry(key, places, known.get(key), plurals))
    return catalogue


def _entry(key: Key, places: list[str], known: polib.POEntry | None, plurals: str) -> polib.POEntry:
    context, text, plural = key
    entry = polib.POEntry(msgid=text, msgctxt=context or None)
    entry.occurrences = [(place, "") for place in places]
    if "%(" in text or "%(" in plural:
        entry.flags = ["python-format"]
    if not plural:
        entry.msgstr = known.msgstr if known else ""
        return entry
    entry.msgid_plural = plural
    forms = known.msgstr_plural if known else {}
    number = int(plurals.split("nplurals=")[1][0])
    entry.msgstr_plural = {form: forms.get(form, "") for form in range(number)}
    return entry


def _known(path: Path) -> dict[Key, polib.POEntry]:
    if not path.is_file():
        return {}
    entries = polib.pofile(str(path))
    return {(one.msgctxt or "", one.msgid, one.msgid_plural or ""): one for one in entries}


def _of_pages() -> Iterator[tuple[Key, list[str]]]:
    code = [path for room in _CODE for path in (ROOT / room).rglob("*.py")]
    pages = [*(ROOT / "templates").rglob("*.html"), *(ROOT / "templates").rglob("*.txt")]
    places: dict[Key, set[str]] = defaultdict(set)
    for path in [*code, *pages]:
        text = path.read_text("utf-8")
        if path.suffix != ".py":
            # As xgettext would get it; where a line begins says nothing in a page.
            source = templatize(text, origin=str(path))
            text = "\n".join(line.strip() for line in source.splitlines())
        _collect(places, "python", path, text)
    yield from _ordered(places)


def _of_scripts() -> Iterator[tuple[Key, list[str]]]:
    places: dict[Key, set[str]] = defaultdict(set)
    for path in (ROOT / "archive" / "portal" / "static" / "portal" / "js").rglob("*.js"):
        _collect(places, "javascript", path, path.read_text("utf-8"))
    yield from _ordered(places)


def _collect(places: dict[Key, set[str]], method: str, path: Path, text: str) -> None:
    try:
        said = list(extract(method, io.BytesIO(text.encode()), keywords=_KEYWORDS))
    except (tokenize.TokenError, SyntaxError) as error:
        raise ValueError(f"{path}: {error}") from error
    for _line, message, _comments, context in said:
        one, many = message if isinstance(message, tuple) else (message, "")
        if one:
            places[context or "", one, many].add(str(path.relative_to(ROOT)))


def _ordered(places: dict[Key, set[str]]) -> Iterator[tuple[Key, list[str]]]:
    # A catalogue has one entry for a text, which serves with a number and without one.
    plurals = {(context, text): plural for context, text, plural in sorted(places)}
    whole: dict[Key, set[str]] = defaultdict(set)
    for (context, text, _plural), where in places.items():
        whole[context, text, plurals[context, text]] |= where
    # By where they stand first: whoever translates sees a page's texts together.
    for key in sorted(whole, key=lambda key: (min(whole[key]), key)):
        yield key, sorted(whole[key])[:4]
