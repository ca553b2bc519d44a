"""UIDs that depend on nothing but names: made twice, they are the same."""

import hashlib

# A change of the pictures needs a new version, so that new bytes never come under an old UID.
GENERATOR_VERSION = "1"


def named_uid(*parts: object) -> str:
    """Make a UID under 2.25 (PS3.5 B.2) made of the hash of the names."""
    name = "/".join(("twinsight demonstration", GENERATOR_VERSION, *map(str, parts)))
    digest = hashlib.sha256(name.encode()).digest()[:16]
    # the bits of a version 8 UUID (RFC 9562), which is what 2.25 wants to hold
    number = int.from_bytes(digest, "big")
    number = number & ~(0xF << 76) | (0x8 << 76)
    number = number & ~(0x3 << 62) | (0x2 << 62)
    return f"2.25.{number}"
