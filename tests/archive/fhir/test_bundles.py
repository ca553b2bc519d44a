"""Parts of resources, without a database."""

import pytest

from archive.fhir.bundles import subset
from archive.fhir.patients import PATIENT
from archive.fhir.search_request import SearchRequest
from archive.query.criteria.types import Slice

RESOURCE = {
    "resourceType": "Observation",
    "id": "1",
    "meta": {"versionId": "a"},
    "contained": [{"resourceType": "Device", "id": "model"}],
    "status": "final",
    "device": {"reference": "#model"},
    "component": [{"extension": [{"valueReference": {"reference": "#model"}}]}],
}


@pytest.mark.parametrize(
    ("element", "is_whole"), [("device", True), ("component", True), ("status", False)]
)
def test_what_an_element_refers_to_inside_comes_with_it(element, is_whole) -> None:
    asked = SearchRequest((), Slice(), elements=frozenset({element}))

    kept = subset(RESOURCE, PATIENT, asked)

    assert ("contained" in kept, element in kept) == (is_whole, True)
