"""Every text that pages and scripts say is said in every language, whole and harmlessly."""

import re
from collections import Counter

import polib
import pytest
from django.conf import settings
from django.utils.translation import to_locale

from deploy.translations.compiling import LOCALE, compile_catalogues
from deploy.translations.extracting import PLURALS, merged, said_anywhere

DOMAINS = ("django", "djangojs")
_PLACE = re.compile(r"%\(\w+\)[sd]|%%|(?<!%)%[sd]|\{\w*\}")
_TAG = re.compile(r"</?\w[^>]*>|&\w+;")
_ENDS = re.compile(r"^(\s*).*?(\s*)$", re.DOTALL)


@pytest.fixture(scope="module")
def said():
    return said_anywhere()


def _catalogue(language, domain):
    return polib.pofile(str(LOCALE / language / "LC_MESSAGES" / f"{domain}.po"))


def _forms(entry):
    """Return what is said and what it became; Chinese has one form for one and for many."""
    if not entry.msgid_plural:
        return [(entry.msgid, entry.msgstr)]
    many = [(entry.msgid_plural, text) for form, text in entry.msgstr_plural.items() if form]
    first = entry.msgid if many else entry.msgid_plural
    return [(first, entry.msgstr_plural[0]), *many]


def test_every_language_of_the_settings_has_catalogues():
    languages = {to_locale(code) for code, _ in settings.LANGUAGES} - {"en"}
    assert languages == set(PLURALS)


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", PLURALS)
def test_catalogue_has_what_is_said(said, language, domain):
    known = {(one.msgctxt or "", one.msgid) for one in _catalogue(language, domain)}
    wanted = {(context, text) for context, text, _ in said[domain]}
    assert wanted - known == set(), "run make messages, and translate what is new"


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("language", PLURALS)
def test_nothing_is_left_untranslated(language, domain):
    catalogue = _catalogue(language, domain)
    assert [one.msgid for one in catalogue.untranslated_entries()] == []
    assert [one.msgid for one in catalogue.fuzzy_entries()] == []


@pytest.mark.parametrize("language", PLURALS)
def test_translations_keep_places_tags_and_ends(language):
    wrong = []
    for domain in DOMAINS:
        for entry in _catalogue(language, domain).translated_entries():
            for text, told in _forms(entry):
                if _counted(_PLACE, text) != _counted(_PLACE, told):
                    # Who has one of a thing may say "one" for the number.
                    is_singular = text == entry.msgid and entry.msgid_plural
                    if not is_singular or _counted(_PLACE, told) - _counted(_PLACE, text):
                        wrong.append(("places", text, told))
                if _counted(_TAG, text) != _counted(_TAG, told):
                    wrong.append(("tags", text, told))
                if _ENDS.match(text).groups() != _ENDS.match(told).groups():
                    wrong.append(("blanks at the ends", text, told))
                # A text may stand in an attribute.
                wrong += [(sign, text, told) for sign in '"<>' if (sign in told) > (sign in text)]
    assert wrong == []


def _counted(pattern, text):
    return Counter(pattern.findall(text))


def test_update_keeps_what_is_known_and_drops_what_is_no_longer_said():
    known = polib.POEntry(msgid="Study", msgstr="Untersuchung")
    said = {("", "Study", ""): ["a.html"], ("", "%(n)s case", "%(n)s cases"): ["b.html"]}

    made = merged(
        {("", "Study", ""): known, ("", "Gone", ""): polib.POEntry(msgid="Gone", msgstr="Weg")},
        said,
        language="de",
        plurals=PLURALS["de"],
    )

    assert [one.msgid for one in made] == ["Study", "%(n)s case"]
    assert made[0].msgstr == "Untersuchung"
    assert made[1].msgstr_plural == {0: "", 1: ""}
    assert "python-format" in made[1].flags


def test_compiled_once_and_again_when_changed(tmp_path):
    source = tmp_path / "de" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    catalogue = polib.POFile()
    catalogue.metadata = {"Content-Type": "text/plain; charset=UTF-8"}
    catalogue.append(polib.POEntry(msgid="Study", msgstr="Untersuchung"))
    catalogue.save(str(source))

    (written,) = compile_catalogues(tmp_path)

    assert polib.mofile(str(written))[0].msgstr == "Untersuchung"
    assert compile_catalogues(tmp_path) == []
    assert compile_catalogues(tmp_path, only_stale=False) == [written]
