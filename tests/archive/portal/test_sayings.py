from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.utils.translation import override

from archive.portal.sayings import SAYINGS, _pattern, say_again

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("archive/dicom", "archive/ingest", "archive/inbox", "archive/forwarding", "archive/bulk")
ROOMS += ("archive/corrections", "archive/hl7", "archive/research", "archive/retrieve")
ROOMS += ("inference/bundles", "inference/pipelines", "inference/runs")


def _sentences() -> set[str]:
    """What the archive's own code can say; a 7 stands for what is put into it."""
    found = set()
    for room in ROOMS:
        for file in (ROOT / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = (getattr(part, "value", 7) for part in node.values)
                    found.add("".join(part if isinstance(part, str) else "7" for part in parts))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found.add(node.value)
    return found


def test_every_saying_is_one_that_workers_write_down() -> None:
    sentences = _sentences()
    unknown = [
        saying
        for saying in SAYINGS
        if not any(_pattern(saying).fullmatch(sentence) for sentence in sentences)
    ]
    assert unknown == []


@pytest.mark.parametrize(
    "text",
    [
        "The model needs at least 24 images; the series has 3.",
        "The file ends inside an element that begins at byte 2996.",
        "PACS (10.0.0.7:104) can't be reached: no answer.",
    ],
)
@pytest.mark.parametrize("language", ["de", "es", "zh-hans"])
def test_what_stands_in_a_sentence_stays_when_it_is_translated(text: str, language: str) -> None:
    with override(language):
        said = say_again(text)

    assert said != text
    assert sorted(re.findall(r"\d+", said)) == sorted(re.findall(r"\d+", text))
    with override("en"):
        assert say_again(text) == text


@pytest.mark.parametrize("language", ["de", "es", "zh-hans"])
def test_reasons_within_a_sentence_are_said_again_too(language: str) -> None:
    reason = "An encapsulated document (PDF, CDA, STL): what it holds can't be cleaned."
    text = f"Nothing of it may leave so. 0 images, 3 objects left out: {reason} (2) Other. (1)"
    with override(language):
        said, known = say_again(text), say_again(reason)

    assert known != reason
    assert f"{known} (2) Other. (1)" in said
    assert "left out" not in said


@pytest.mark.parametrize("language", ["de", "es", "zh-hans"])
def test_a_pseudonym_that_is_taken_is_told_in_every_language(language: str) -> None:
    text = "Another patient has the same pseudonym there: choose another project."
    with override(language):
        assert say_again(text) != text


def test_what_no_catalogue_knows_stays_as_it_is() -> None:
    with override("de"):
        assert say_again("") == ""
        assert say_again("Something else: 7.") == "Something else: 7."
        assert say_again("x" * 5000) == "x" * 5000
