"""Structured reports with a few content items."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage

from tests.builders.datasets import make_dataset

if TYPE_CHECKING:
    from collections.abc import Sequence


def make_report(items: Sequence[Dataset], **attrs: Any) -> Dataset:
    """Return a Basic Text SR with the items as its content."""
    ds = make_dataset(Rows=None, Columns=None, Modality="SR", PixelData=None)
    for keyword in ("BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        if keyword in ds:
            delattr(ds, keyword)
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    ds.ValueType = "CONTAINER"
    ds.ContinuityOfContent = "SEPARATE"
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ConceptNameCodeSequence = [code("18748-4", "LN", "Diagnostic imaging report")]
    ds.ContentSequence = list(items)
    for keyword, value in attrs.items():
        setattr(ds, keyword, value)
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    return ds


def code(value: str, scheme: str, meaning: str) -> Dataset:
    """Return a code."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return item


def content_item(
    kind: str,
    value: str,
    *,
    relationship: str = "CONTAINS",
    name: Dataset | None = None,
    content: Sequence[Dataset] = (),
) -> Dataset:
    """Return a content item: TEXT, CODE or PNAME with its value, or a CONTAINER."""
    item = Dataset()
    item.RelationshipType, item.ValueType = relationship, kind
    item.ConceptNameCodeSequence = [name or code("121071", "DCM", "Finding")]
    if kind == "TEXT":
        item.TextValue = value
    elif kind == "CODE":
        item.ConceptCodeSequence = [code("T-1", "99TEST", value)]
    elif kind == "PNAME":
        item.PersonName = value
    if content:
        item.ContentSequence = list(content)
    return item
