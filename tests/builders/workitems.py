"""Workitems as systems outside write them."""

from __future__ import annotations

from typing import Any


def code(value: str = "110013", meaning: str = "Image Processing") -> dict[str, Any]:
    return {
        "00080100": {"vr": "SH", "Value": [value]},
        "00080102": {"vr": "SH", "Value": ["DCM"]},
        "00080104": {"vr": "LO", "Value": [meaning]},
    }


def new_workitem(**elements: dict[str, Any]) -> dict[str, Any]:
    """A workitem that can be created; elements by tag with a `t` in front replace its own."""
    ds = {
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "Doe^Jane"}]},
        "00100020": {"vr": "LO", "Value": ["P1"]},
        "00404005": {"vr": "DT", "Value": ["20260706093000"]},
        "00404018": {"vr": "SQ", "Value": [code()]},
        "00404041": {"vr": "CS", "Value": ["READY"]},
        "00741000": {"vr": "CS", "Value": ["SCHEDULED"]},
        "00741200": {"vr": "CS", "Value": ["MEDIUM"]},
        "00741202": {"vr": "LO", "Value": ["Evening"]},
        "00741204": {"vr": "LO", "Value": ["Segment the liver"]},
        "00741216": {"vr": "SQ"},
    }
    ds |= {tag.lstrip("t"): one for tag, one in elements.items()}
    return {tag: one for tag, one in ds.items() if one}


def performed(*outputs: tuple[str, str], study: str = "1.2.3") -> dict[str, Any]:
    """What a performer says when it is done; outputs as (SOP class, SOP instance)."""
    references = [
        {
            "00081150": {"vr": "UI", "Value": [sop_class]},
            "00081155": {"vr": "UI", "Value": [uid]},
        }
        for sop_class, uid in outputs
    ]
    output: dict[str, Any] = {"vr": "SQ"}
    if references:
        item = {
            "0020000D": {"vr": "UI", "Value": [study]},
            "00081199": {"vr": "SQ", "Value": references},
        }
        output = {"vr": "SQ", "Value": [item]}
    item = {
        "00404019": {"vr": "SQ", "Value": [code()]},
        "00404028": {"vr": "SQ", "Value": [code("GPU1", "Outside")]},
        "00404033": output,
        "00404050": {"vr": "DT", "Value": ["20260706093000"]},
        "00404051": {"vr": "DT", "Value": ["20260706093500"]},
    }
    return {"00741216": {"vr": "SQ", "Value": [item]}}


def state(word: str, transaction_uid: str = "2.25.77") -> dict[str, Any]:
    """The change of a workitem's state."""
    ds: dict[str, Any] = {"00741000": {"vr": "CS", "Value": [word]}}
    if transaction_uid:
        ds["00081195"] = {"vr": "UI", "Value": [transaction_uid]}
    return ds
