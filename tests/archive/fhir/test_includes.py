"""What comes along with the results of a search, and what never does."""

import pytest

from archive.models import AuditEvent
from tests.archive.fhir.asking import Door

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("studies")]


@pytest.mark.parametrize(("kind", "by"), [("Patient", "patient"), ("ImagingStudy", "entity")])
def test_trail_comes_along_with_nothing(client, archive_admin, kind, by) -> None:
    """Whoever may read it asks for it by its name, so that the record says so."""
    client.force_login(archive_admin)
    door = Door(client)

    assert door.refusal(f"{kind}?_revinclude=AuditEvent:{by}", 400) == "invalid"

    assert not AuditEvent.objects.filter(act="search-resources").exists()
    assert door.ids(f"AuditEvent?{by}.identifier=nobody") == []
    record = AuditEvent.objects.get(act="search-resources")
    assert record.details["resource"] == "AuditEvent"
