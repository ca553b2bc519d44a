from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any

import pytest

from archive.audit.types import Asker
from archive.scheduling.types import StepValues

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User

DAY = datetime.date(2026, 7, 6)


@pytest.fixture
def asker(radiologist: User) -> Asker:
    return Asker(door="api", user=radiologist)


@pytest.fixture
def values() -> Callable[..., StepValues]:
    def make(**said: Any) -> StepValues:
        usual = {
            "dicom_patient_id": "P1",
            "patient_name": "Doe^Jane",
            "modality": "CT",
            "scheduled_date": DAY,
        }
        return StepValues(**{**usual, **said})

    return make
