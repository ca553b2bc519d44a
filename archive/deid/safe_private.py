"""Private attributes known to hold physics and nothing else (PS3.15 table E.3.10-1, and GE's)."""

from __future__ import annotations

from typing import Any

from archive.deid.unlisted import has_value_shape

_BRAIN_VOLUMES = frozenset(range(0x01, 0x17))

# (group, private creator) -> last byte of the element numbers.
SAFE_PRIVATE: dict[tuple[int, str], frozenset[int]] = {
    # b value, diffusion directionality, gradient direction, b matrix
    (0x0019, "SIEMENS MR HEADER"): frozenset({0x0C, 0x0D, 0x0E, 0x27}),
    # table speed, mid scan time, rotation speed; diffusion gradient direction
    (0x0019, "GEMS_ACQU_01"): frozenset({0x23, 0x24, 0x27, 0xBB, 0xBC, 0xBD}),
    (0x0025, "GEMS_SERS_01"): frozenset({0x07}),
    # b value, gradient coil
    (0x0043, "GEMS_PARM_01"): frozenset({0x39, 0x6F}),
    (0x0045, "GEMS_HELIOS_01"): frozenset({0x01, 0x02}),
    # DLP, duration; phantom, kind of acquisition, table velocity, pitch, rotation time
    (0x00E1, "ELSCINT1"): frozenset({0x21, 0x50}),
    (0x01E1, "ELSCINT1"): frozenset({0x26}),
    (0x01F1, "ELSCINT1"): frozenset({0x01, 0x07, 0x26, 0x27}),
    (0x0903, "GEIIS PACS"): frozenset({0x10, 0x11, 0x12}),
    (0x0099, "NQHeader"): frozenset({0x04, 0x10, 0x21}),
    (0x0199, "NQLeft"): _BRAIN_VOLUMES,
    (0x0299, "NQRight"): _BRAIN_VOLUMES,
    (0x2001, "Philips Imaging DD 001"): frozenset({0x03, 0x04}),
    (0x2005, "Philips MR Imaging DD 001"): frozenset({0x0D, 0x0E, 0xB0, 0xB1, 0xB2}),
    # standardised uptake value and activity concentration factors
    (0x7053, "Philips PET Private Group"): frozenset({0x00, 0x09}),
}
# Texts and bytes stay out even here, and codes and numbers that are none.
_SAFE_VRS = frozenset({"CS", "DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"})


def is_safe_private(vr: str, value: Any) -> bool:
    """Whether the value of a listed private attribute is what its VR says, and no text.

    Parameters
    ----------
    vr
        value representation
    value
        as pydicom decodes it
    """
    return vr in _SAFE_VRS and has_value_shape(vr, value)
