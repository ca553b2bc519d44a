from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from archive.models import AuditEvent
from inference.bundles.external import EXTERNAL, register_external
from inference.bundles.states import set_state
from inference.models import ModelVersion
from tests.factories.inference import ModelVersionFactory

pytestmark = pytest.mark.django_db
ASKER = Asker(door="command", name="tests")


def test_model_performed_outside_is_a_draft_that_can_be_promoted() -> None:
    register_external(asker=ASKER, name="liver", version="1", task="segment", modalities=["CT"])
    row = register_external(asker=ASKER, name="liver", version="1", task="segment", station="GPU1")

    assert (row.pipeline, row.state, row.config) == (EXTERNAL, "draft", {"station": "GPU1"})
    assert row.inputs == {}
    assert set_state(name="liver", version="1", state="active").state == "active"
    assert AuditEvent.objects.filter(act="register-model").count() == 1


@pytest.mark.parametrize(
    "said",
    [
        {"name": "../x"},
        {"version": "1 2"},
        {"task": "embed"},
        {"task": "sing"},
        {"station": "A" * 17},
    ],
    ids=str,
)
def test_what_can_not_be_registered(said: dict) -> None:
    with pytest.raises(InvalidRequestError):
        register_external(
            **{"asker": ASKER, "name": "liver", "version": "1", "task": "segment", **said}
        )


def test_model_with_files_stays_what_it_is() -> None:
    ModelVersionFactory(name="liver", version="1")

    with pytest.raises(InvalidRequestError):
        register_external(asker=ASKER, name="liver", version="1", task="segment")


def test_command_registers() -> None:
    out = StringIO()

    call_command(
        "models", "external", "liver", "3", "--station", "GPU1", "--modality", "CT", stdout=out
    )

    assert "liver 3" in out.getvalue()
    assert ModelVersion.objects.get().inputs == {"modalities": ["CT"]}
    with pytest.raises(CommandError):
        call_command("models", "external", "liver", "3", "--task", "embed")
