import pytest

from deploy.demo.people import PEOPLE, Person


def test_patient_ids_are_unique() -> None:
    assert len({person.patient_id for person in PEOPLE}) == len(PEOPLE) >= 25


@pytest.mark.parametrize(
    ("date", "age"), [("20200229", 19), ("20200301", 20), ("20200302", 20), ("20000301", 0)]
)
def test_age_counts_whole_years(date: str, age: int) -> None:
    assert Person(1, "A", "20000301", "F").age_on(date) == age
