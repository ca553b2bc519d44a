"""A small CT series with a patient whose name is not ASCII, and results about it."""

import datetime

import numpy as np
import pytest

from inference.results.types import Algorithm, ResultIdentity
from tests.builders.ct_series import make_ct_series

SHAPE = (6, 12, 10)


@pytest.fixture
def series():
    """Six slices, in slice order, of a patient with a name in three groups."""
    return make_ct_series(
        np.zeros(SHAPE, dtype=np.int16),
        spacing_zyx=(2.0, 0.5, 0.75),
        origin=(-3.0, 4.0, 5.0),
        SpecificCharacterSet=["", "ISO 2022 IR 87"],
        PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう",
        PatientComments="",
        PatientAge="054Y",
        IssuerOfPatientID="HOSPITAL",
    )


@pytest.fixture
def algorithm():
    """A model as a result names it."""
    return Algorithm("ct_parts", "1.2", "ab" * 32, parameters=("device=cpu",))


@pytest.fixture
def make_identity():
    """Identities that depend on nothing but their number."""

    def make(number: int) -> ResultIdentity:
        return ResultIdentity(
            series_instance_uid=f"2.25.10{number}",
            sop_instance_uid=f"2.25.20{number}",
            timestamp=datetime.datetime(2025, 1, 2, 3, 4, 5, tzinfo=datetime.UTC),
            series_number=900 + number,
            series_description="A result",
        )

    return make
