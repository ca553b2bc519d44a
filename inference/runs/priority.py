"""How urgent a run is: as somebody asks, as a rule says, or as the images' request does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, IntegerField, Value, When

from archive.retrieve.metadata import metadata_documents
from inference.models import ModelVersion, Priority

if TYPE_CHECKING:
    from archive.models import Series

# Requested Procedure Priority (PS3.3 C.4.12), and where a request is a part of the images.
_PRIORITY, _REQUESTS = "00401003", "00400275"
_TERMS = {"STAT": Priority.STAT, "HIGH": Priority.HIGH}

# The most urgent first. Embeddings before others: they are quick, and similarity waits for them.
RUN_ORDER = (
    F("priority").desc(),
    Case(
        When(model_version__task=ModelVersion.Task.EMBED, then=Value(0)),
        When(model_version__task=ModelVersion.Task.CLASSIFY, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    ),
    F("pk"),
)


def requested_priority(series: Series) -> int:
    """Return how urgent the images' own request is (0040,1003); routine where it says nothing."""
    keys = list(series.instances.order_by("pk").values_list("pk", flat=True)[:1])
    for document in metadata_documents(keys, ""):
        return _stated(json.loads(document))
    return Priority.ROUTINE


def _stated(document: dict[str, Any]) -> int:
    items = [document, *document.get(_REQUESTS, {}).get("Value", ())]
    terms = [term for item in items for term in item.get(_PRIORITY, {}).get("Value", ())]
    return max((_TERMS.get(str(term).upper(), 0) for term in terms), default=Priority.ROUTINE)
