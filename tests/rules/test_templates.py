"""Nothing that a reader reads stands in a template untranslated."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2] / "templates"
# Read outside this house, and in English: what lies on a medium.
ELSEWHERE = {"inbox/media/index.html"}
PAGES = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.rglob("*.html")
    if str(path.relative_to(ROOT)) not in ELSEWHERE
)
# What has the same name everywhere: products, formats, codes, examples of what is typed.
NAMES = {
    *(
        "Twinsight",
        "DICOM",
        "DICOMweb",
        "DICOMDIR",
        "OHIF",
        "FHIR",
        "CSV",
        "JSON",
        "PNG",
        "NIfTI",
        "PDF",
    ),
    *(
        "SHA-256",
        "UID",
        "AUC",
        "Dice",
        "mAP",
        "TLS",
        "CT",
        "MR",
        "CT, MR",
        "CT1",
        "GB",
        "MB",
        "MiB",
    ),
    *("Doe*", "Doe^Jane", "https://…", "chest-pneumonia", "liver-masks", "mm", "px", "kV", "HU"),
    *("ms", "fps"),
}
READ_ALOUD = ("title", "aria-label", "placeholder", "alt", "aria-description")
_SILENT = re.compile(
    r"\{% (comment|verbatim) .*?%\}.*?\{% end\1 %\}|\{% (comment|verbatim) %\}.*?\{% end\2 %\}"
    r"|\{% blocktranslate.*?\{% endblocktranslate %\}"
    r"|\{% block \w*class %\}.*?\{% endblock [\w ]*%\}"
    r"|\{#.*?#\}|<!--.*?-->"
    r"|<(script|style|code|kbd|samp|pre)\b.*?</\3>",
    re.DOTALL,
)
_TOKEN = re.compile(r"\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_TAG = re.compile(r"<[/!]?[A-Za-z](?:[^<>\"']|\"[^\"]*\"|'[^']*')*>", re.DOTALL)
_ATTRIBUTE = re.compile(r"\s([\w:-]+)=(?:\"([^\"]*)\"|'([^']*)')", re.DOTALL)
_EXAMPLE = re.compile(r"^(\{|https?:|-----|[A-Z]\w+ = |read system)")


def bare_texts(source: str) -> list[str]:
    """Return what a template says by itself: text, and attributes that are shown or read aloud."""
    # Tokens hold what tags look like; a mark in their place cuts texts there.
    plain = _TOKEN.sub("\x00", _SILENT.sub("\x00", source))
    said = [piece for text in _TAG.sub("\x00", plain).split("\x00") for piece in [text]]
    for tag in _TAG.findall(plain):
        for name, double, single in _ATTRIBUTE.findall(tag):
            if name in READ_ALOUD:
                said += (double or single).split("\x00")
    texts = [re.sub(r"&#?\w+;", " ", text).strip(" \n\t·:,.()|/+") for text in said]
    return [text for text in texts if _is_words(text)]


def _is_words(text: str) -> bool:
    if text in NAMES or _EXAMPLE.match(text):
        return False
    return any(len(word) > 1 for word in re.findall(r"[A-Za-z]+", text))


def test_bare_texts_are_found():
    source = """{% load i18n %}<p class="quiet" title="Bare title">{% translate "Said" %} and bare
        <span aria-label="{% translate 'Fine' %}">{{ name }}</span> <code>make up</code></p>"""
    assert bare_texts(source) == ["and bare", "Bare title"]


def test_pages_say_nothing_untranslated():
    found = {page: bare_texts((ROOT / page).read_text("utf-8")) for page in PAGES}
    assert {page: texts for page, texts in found.items() if texts} == {}
