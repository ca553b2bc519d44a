"""The pages of models: what they say, what the buttons do, and whom they answer."""

from __future__ import annotations

import pytest

from archive.models import AuditEvent
from inference.models import ModelVersion
from tests.builders.vectors import make_space
from tests.factories.inference import ModelVersionFactory, RoutingRuleFactory

pytestmark = pytest.mark.django_db

BLOCKED = {"trust_needed": ["scripts/net.py is code."], "passed": False}
PASSED = {
    "trust_needed": [],
    "passed": True,
    "checked_at": "2026-05-01T10:00:00+00:00",
    "input_shape": [1, 1, 64, 64, 48],
    "output_shape": [1, 2, 64, 64, 48],
    "seconds": 12.3,
    "memory_mb": 512.0,
    "format": "onnx",
    "weights": "models/model.onnx",
}

CARD = """# Chest

Trained on **few** images.

| set | AUC |
|---|---|
| NIH | .73 |

<b>x</b>
"""


@pytest.fixture
def admin(client, archive_admin):
    client.force_login(archive_admin)
    return client


@pytest.fixture
def version():
    made = ModelVersionFactory(
        name="chest",
        version="2",
        state=ModelVersion.State.DRAFT,
        description="Finds pneumonia.",
        intended_use="Research on frontal radiographs.",
        inputs={"modalities": ["DX", "CR"], "age_from": 18, "spacing_mm": [0.1, 0.4]},
        labels=[{"name": "pneumonia", "code": "233604007", "scheme": "SCT"}],
        metrics={"auc": 0.7312, "by_sex": {"F": 0.71}},
        checks=PASSED,
        source="/srv/bundles/chest.zip",
        card=CARD,
    )
    RoutingRuleFactory(model_version=made, modalities=["DX"])
    return made


def text_of(response):
    assert response.status_code == 200
    return response.content.decode()


def test_list_shows_models_with_versions_and_states(admin, version):
    ModelVersionFactory(name="chest", version="3", state="retired", checks=BLOCKED)
    ModelVersion.objects.filter(pk=version.pk).update(state="active")

    text = text_of(admin.get("/models/"))

    assert "Finds pneumonia." in text
    assert "Runs on DX" in text
    assert "Not for diagnostic use" in text
    assert "Needs trust" in text
    assert 'href="/models/chest/3/"' in text
    assert "Finds pneumonia." not in text_of(admin.get("/models/?state=shadow"))
    assert "Finds pneumonia." in text_of(admin.get("/models/?state=nonsense"))


def test_page_shows_card_use_checks_and_origin(admin, version):
    text = text_of(admin.get("/models/chest/"))

    for words in (
        "Research on frontal radiographs.",
        "DX, CR",
        "0.1\N{EN DASH}0.4 mm",
        "from 18",
        "233604007",
        "0.731",
        "by sex: F",
        "1 x 2 x 64 x 64 x 48",
        "512 MiB",
        "Trained on few images.",
        '<th scope="col">AUC</th>',
        "&lt;b&gt;x&lt;/b&gt;",
        "/srv/bundles/chest.zip",
        version.digest,
    ):
        assert words in text, words


def test_everyone_reads_and_only_admins_act(client, radiologist, version):
    client.force_login(radiologist)

    text = text_of(client.get("/models/chest/2/"))

    assert "Research on frontal radiographs." in text
    assert "Promote" not in text
    assert version.digest not in text
    assert "/srv/bundles" not in text
    assert client.post("/models/chest/2/promote/").status_code == 403
    version.refresh_from_db()
    assert version.state == ModelVersion.State.DRAFT


def test_what_is_not_there_is_not_found(admin, version):
    assert admin.get("/models/other/").status_code == 404
    assert admin.get("/models/chest/9/").status_code == 404
    assert admin.post("/models/chest/2/explode/").status_code == 404


def test_promote_shadow_and_retire(admin, version, archive_admin):
    former = ModelVersionFactory(name="chest", version="1", state="active")

    for act, state in (("shadow", "shadow"), ("promote", "active"), ("retire", "retired")):
        answer = admin.post(f"/models/chest/2/{act}/", {"reason": "measured"}, follow=True)
        assert "chest 2" in text_of(answer)
        version.refresh_from_db()
        assert version.state == state

    former.refresh_from_db()
    assert former.state == ModelVersion.State.RETIRED
    events = AuditEvent.objects.filter(act="change-model-state").order_by("pk")
    assert [event.details["state"] for event in events] == [
        "shadow",
        "retired",
        "active",
        "retired",
    ]
    assert events[0].details["reason"] == "measured"
    assert events[0].actor == archive_admin


def test_what_needs_trust_can_not_be_promoted(admin, version):
    ModelVersion.objects.filter(pk=version.pk).update(checks=BLOCKED, pipeline="bundle")

    text = text_of(admin.get("/models/chest/"))
    assert "scripts/net.py is code." in text
    assert "Promote" not in text
    said = text_of(admin.post("/models/chest/2/promote/", follow=True))
    assert "is not trusted" in said

    said = text_of(admin.post("/models/chest/2/trust/", {"digest": "0" * 64}, follow=True))
    assert "not the one given" in said


def test_the_notice_is_left_out_only_with_a_reason_and_on_record(admin, version):
    said = text_of(admin.post("/models/chest/2/notice/", follow=True))
    assert "by which approval" in said

    admin.post("/models/chest/2/notice/", {"reason": "CE 1234"})
    version.refresh_from_db()
    assert version.is_diagnostic
    assert AuditEvent.objects.get(act="change-model-notice").details["reason"] == "CE 1234"

    admin.post("/models/chest/2/notice/")
    version.refresh_from_db()
    assert not version.is_diagnostic


def test_a_model_of_vectors_is_left_to_its_space(admin):
    name = make_space().model_version.name

    assert "Its embedding space" in text_of(admin.get(f"/models/{name}/"))
    version = ModelVersion.objects.get(name=name).version
    assert "by its space" in text_of(admin.post(f"/models/{name}/{version}/retire/", follow=True))
