"""REST of deletions, and of the rules by which priors are fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from archive.access.services import create_api_token
from archive.audit.types import Asker
from archive.models import AuditEvent, Peer, PrefetchRule, Study
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets

if TYPE_CHECKING:
    from collections.abc import Callable

    from archive.models import Project

pytestmark = pytest.mark.django_db
STUDY = "1.2.826.0.1.9.70"


@pytest.fixture
def speak(client: Any) -> Callable[..., Any]:
    """Speak with a token of an account."""

    def as_account(username: str, *scopes: str) -> Callable[..., Any]:
        token = create_api_token(
            asker=Asker(door="test"), username=username, scopes=["read", "write", *scopes]
        )

        def send(method: str, path: str, body: object = None) -> Any:
            more = {} if body is None else {"data": body, "content_type": "application/json"}
            call = getattr(client, method)
            return call(f"/api/v1/{path}", **more, HTTP_AUTHORIZATION=f"Bearer {token}")

        return send

    return as_account


@pytest.fixture
def stored(project: Project) -> None:
    store_datasets(
        *(
            make_dataset(
                StudyInstanceUID=STUDY,
                SeriesInstanceUID=f"{STUDY}.1",
                SOPInstanceUID=f"{STUDY}.1.{number}",
            )
            for number in (1, 2)
        ),
        project=project,
    )


def test_what_is_deleted_is_listed_and_brought_back(stored, speak, archive_admin) -> None:
    call = speak("archive_admin", "admin")
    body = {"study": STUDY, "series": f"{STUDY}.1", "instance": f"{STUDY}.1.1", "reason": "wrong"}
    answer = call("post", "removals", body)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert (made["kind"], made["level"], made["instances"]) == ("deleted", "instance", 1)
    assert made["removed_by"] == "archive_admin"

    listed = call("get", "removals").json()
    assert (listed["count"], listed["results"][0]) == (1, made)
    assert call("get", f"removals/{made['id']}").json() == made
    assert Study.objects.get().number_of_study_related_instances == 1

    undone = call("post", f"removals/{made['id']}/undo")
    assert undone.status_code == 200
    assert (undone.json()["undone_by"], undone.json()["is_undoable"]) == ("archive_admin", False)
    assert Study.objects.get().number_of_study_related_instances == 2
    assert call("post", f"removals/{made['id']}/undo").status_code == 409
    acts = AuditEvent.objects.filter(event_id="110105").order_by("pk")
    assert [one.act for one in acts] == ["delete", "undo-delete"]


def test_deleting_is_for_admins_with_the_scope(stored, speak, radiologist, archive_admin) -> None:
    body = {"study": STUDY, "reason": "wrong"}
    assert speak("archive_admin")("post", "removals", body).status_code == 403
    clinician = speak("radiologist", "admin")
    assert clinician("post", "removals", body).status_code == 403
    assert clinician("get", "removals").status_code == 403
    assert clinician("get", "removals/1").status_code == 403
    assert clinician("post", "removals/1/undo").status_code == 404
    call = speak("archive_admin", "admin")
    assert call("get", "removals/1").status_code == 404
    assert call("post", "removals", {**body, "study": "1.2.3.404"}).status_code == 404
    assert call("post", "removals", {"study": STUDY}).status_code == 400
    lonely = {**body, "instance": f"{STUDY}.1.1"}
    assert call("post", "removals", lonely).status_code == 400
    assert Study.objects.get().withheld == ""


def test_prefetch_rule_lives_its_life(speak, archive_admin, radiologist) -> None:
    peer = Peer.objects.create(ae_title="PACS", address="127.0.0.1", port=1)
    call = speak("archive_admin")
    body = {"name": "Priors", "peer": peer.pk, "modalities": ["CT"], "most_studies": 2}
    answer = call("post", "prefetch-rules", body)
    assert answer.status_code == 201, answer.content
    made = answer.json()
    assert made == {
        **body,
        "id": PrefetchRule.objects.get().pk,
        "prior_modalities": [],
        "most_years": 5,
        "is_enabled": True,
    }
    one = f"prefetch-rules/{made['id']}"
    assert call("get", "prefetch-rules").json()["results"] == [made]
    assert call("patch", one, {"is_enabled": False}).json()["is_enabled"] is False
    assert call("get", one).json()["is_enabled"] is False
    changed = call("patch", one, {"most_years": 9, "prior_modalities": ["mr"]}).json()
    assert changed == {**made, "is_enabled": False, "most_years": 9, "prior_modalities": ["MR"]}
    assert AuditEvent.objects.filter(act="change-prefetch-rule").count() == 1
    call("post", "prefetch-rules", {**body, "name": "Other"})
    for wrong in ({}, {"peer": 404}, {"most_studies": 99}, {"name": " "}, {"name": "Other"}):
        assert call("patch", one, wrong).status_code == 400, wrong
    assert call("get", one).json() == changed
    for wrong in ({**body, "peer": 404}, {**body, "most_years": 0}, {**body, "name": " "}, body):
        assert call("post", "prefetch-rules", wrong).status_code == 400
    others = speak("radiologist")
    assert others("get", one).status_code == 403
    assert others("patch", one, {"most_years": 1}).status_code == 403
    assert others("delete", one).status_code == 403
    assert call("delete", one).status_code == 204
    assert call("get", one).status_code == 404
