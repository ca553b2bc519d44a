"""Which regions of the body a Body Part Examined names: what overlaps contradicts nothing."""

from __future__ import annotations

import re

# Defined terms of PS3.16 annex L and words that scanners write, by the region they lie in.
_TERMS = {
    "head": "HEAD BRAIN SKULL FACE ORBIT EYE SINUS SINUSES JAW MANDIBLE MAXILLA EAR IAC TMJ",
    "neck": "NECK CERVICAL CSPINE THYROID LARYNX CAROTID",
    "chest": "CHEST THORAX LUNG LUNGS HEART CARDIAC CORONARY TSPINE RIB RIBS",
    "breast": "BREAST MAMMA",
    "abdomen": "ABDOMEN LIVER KIDNEY KIDNEYS PANCREAS SPLEEN STOMACH COLON LSPINE GALLBLADDER",
    "pelvis": "PELVIS HIP HIPS BLADDER PROSTATE UTERUS SACRUM SSPINE",
    "arm": "ARM HAND WRIST FINGER THUMB ELBOW FOREARM HUMERUS SHOULDER CLAVICLE EXTREMITY",
    "leg": "LEG FOOT TOE ANKLE KNEE FEMUR TIBIA CALF THIGH EXTREMITY",
    "spine": "SPINE",
}
_REGIONS = {region: frozenset(terms.split()) for region, terms in _TERMS.items()}
# Words inside one value that name several regions at once: CHESTABDPELVIS, HEADNECK.
_PARTS = {
    "HEAD": "head",
    "NECK": "neck",
    "CHEST": "chest",
    "THORAX": "chest",
    "ABD": "abdomen",
    "PELV": "pelvis",
    "BREAST": "breast",
    "SPINE": "spine",
}
_NEIGHBOURS = {"spine": frozenset({"spine", "neck", "chest", "abdomen", "pelvis"})}
_WORD = re.compile(r"[A-Z]+")
_EVERYWHERE = frozenset({"WHOLEBODY", "BODY", "TRUNK", "TORSO"})


def regions_of(body_part: str) -> frozenset[str]:
    """Return the regions that a Body Part Examined names.

    Parameters
    ----------
    body_part : value of (0018,0015), any case

    Returns
    -------
    Names of regions; empty where the words are unknown or name the whole body, and then nothing
    can contradict them.
    """
    words = _WORD.findall(body_part.upper())
    if any(word in _EVERYWHERE for word in words) or "WHOLE" in words:
        return frozenset()
    found: set[str] = set()
    for word in words:
        named = {region for region, terms in _REGIONS.items() if word in terms}
        named |= {region for part, region in _PARTS.items() if not named and part in word}
        for region in named:
            found |= _NEIGHBOURS.get(region, frozenset({region}))
    return frozenset(found)
