"""Details of the audit trail: names and phrases of ours in the reader's language, data as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.utils.translation import override

from archive.models import AuditEvent
from archive.portal.act_details import detail_words
from archive.portal.act_words import act_words, event_words

if TYPE_CHECKING:
    from django.test import Client


def _in_german(**details: object) -> list[tuple[str, str]]:
    with override("de"):
        return detail_words(details)


def test_names_are_translated_and_data_is_not() -> None:
    assert _in_german(peer="PACS_1", instances=7, tags=["PatientName", "PatientID"]) == [
        ("Gegenstelle", "PACS_1"),
        ("Objekte", "7"),
        ("Attribute", "PatientName, PatientID"),
    ]


@pytest.mark.parametrize(
    ("details", "words"),
    [
        ({"deidentified": True}, ("anonymisiert", "ja")),
        ({"is_enabled": False}, ("eingeschaltet", "nein")),
        ({"project": None}, ("Projekt", "\N{EN DASH}")),
        ({"tags": []}, ("Attribute", "\N{EN DASH}")),
        ({"reason": "idle"}, ("Grund", "niemand war da")),
        ({"reason": "Of somebody else"}, ("Grund", "Of somebody else")),
        ({"kind": "patient-merge"}, ("Art", "Patienten zusammengeführt")),
        ({"role": "radiology_admin"}, ("Rolle", "Radiologie-Admin")),
        ({"state": "shadow"}, ("Zustand", "im Schattenbetrieb")),
        ({"act": "run-model"}, ("Vorgang", "Modell starten")),
        ({"files": {"stored": 3, "refused": 1}}, ("Dateien", "gespeichert 3, abgewiesen 1")),
        (
            {"filters": {"act": "login", "door": "folder", "event_id": "110112", "user": "ada"}},
            ("Filter", "Vorgang Hat sich angemeldet, Zugangsweg Ordner, Art Abfrage, Konto ada"),
        ),
        ({"colour_of_it": "red"}, ("colour of it", "red")),
    ],
)
def test_phrases_of_ours_are_translated(details: dict[str, object], words: tuple[str, str]) -> None:
    assert _in_german(**details) == [words]


def test_the_study_has_a_column_of_its_own() -> None:
    assert _in_german(study="1.2.3", link="abc") == [("Link", "abc")]


def test_an_act_and_a_kind_of_an_older_version_are_shown_by_their_names() -> None:
    assert act_words("shrink-wrap") == "Shrink wrap"
    assert event_words("110199") == "110199"


@pytest.mark.django_db
def test_the_page_speaks_the_readers_language(client: Client, archive_admin) -> None:
    AuditEvent.objects.create(
        event_id="110113", act="refuse-emergency", action="E", door="portal", outcome=4,
        details={"reason": "too many"},
    )  # fmt: skip
    client.force_login(archive_admin)

    page = client.get("/audit/?act=refuse-emergency", headers={"Accept-Language": "de"})

    text = page.content.decode()
    assert "Hat Notfallzugriff verlangt" in text
    assert "Sicherheitsmeldung" in text
    assert '<span class="quiet">Grund</span> zu viele sind offen' in text
    assert '<option value="refuse-emergency"' in text
    assert client.get("/audit/?act=never-recorded").content.count(b"selected") >= 1
