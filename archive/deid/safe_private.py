"""Private attributes known to hold physics and nothing else (PS3.15 table E.3.10-1, in part)."""

from __future__ import annotations

# (group, private creator) -> last byte of the element numbers.
SAFE_PRIVATE: dict[tuple[int, str], frozenset[int]] = {
    # b value, diffusion directionality, gradient direction, b matrix
    (0x0019, "SIEMENS MR HEADER"): frozenset({0x0C, 0x0D, 0x0E, 0x27}),
    # b value, diffusion gradient direction
    (0x0019, "GEMS_ACQU_01"): frozenset({0xBB, 0xBC, 0xBD}),
    (0x0043, "GEMS_PARM_01"): frozenset({0x39}),
    (0x2001, "Philips Imaging DD 001"): frozenset({0x03, 0x04}),
    (0x2005, "Philips MR Imaging DD 001"): frozenset({0x0D, 0x0E, 0xB0, 0xB1, 0xB2}),
    # standardised uptake value and activity concentration factors
    (0x7053, "Philips PET Private Group"): frozenset({0x00, 0x09}),
}
# Texts stay out even here.
SAFE_PRIVATE_VRS = frozenset({"DS", "FD", "FL", "IS", "SL", "SS", "UL", "US"})
