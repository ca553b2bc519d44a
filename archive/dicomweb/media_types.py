"""Media types in requests: what is offered, what is accepted (PS3.18 8.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

from archive.dicom.transfer_syntaxes import EXPLICIT_LITTLE
from archive.errors import NotAcceptableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MULTIPART = "multipart/related"
DICOM = "application/dicom"
DICOM_JSON = "application/dicom+json"
DICOM_XML = "application/dicom+xml"
JSON = "application/json"
OCTET_STREAM = "application/octet-stream"
MAX_ACCEPT_LENGTH = 8192
# A quoted string, or a run of anything but the separator.
_PARTS = {
    ",": re.compile(r'(?:"(?:\\.|[^"\\])*"|[^,"])+|"'),
    ";": re.compile(r'(?:"(?:\\.|[^"\\])*"|[^;"])+|"'),
}


@dataclass(frozen=True)
class MediaType:
    """A media type or range with its parameters, names in lower case."""

    name: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def inner(self) -> str:
        """The type of the parts of a multipart, empty where not given."""
        return self.parameters.get("type", "").lower()

    @property
    def quality(self) -> float:
        """The weight of a range, 0 where it is refused or no number."""
        try:
            return min(max(float(self.parameters.get("q", "1")), 0.0), 1.0)
        except ValueError:
            return 0.0


@dataclass(frozen=True)
class Offer:
    """A representation that can be sent; ``inner`` is the type of a multipart's parts."""

    name: str
    inner: str = ""


@dataclass(frozen=True)
class Choice:
    """What was agreed: a representation and the transfer syntaxes that go with it."""

    offer: Offer
    transfer_syntaxes: tuple[str, ...] = ()

    @property
    def is_multipart(self) -> bool:
        """Whether the answer is a multipart/related."""
        return self.offer.name == MULTIPART


def parse_media_type(text: str) -> MediaType:
    """Read one media type with its parameters; quotes are optional around values."""
    name, *rest = list(_split(text, ";")) or [""]
    parameters = {}
    for item in rest:
        key, is_pair, value = item.partition("=")
        if is_pair:
            parameters[key.strip().lower()] = _unquoted(value.strip())
    # A plus sign in a query string reads as a space.
    return MediaType(name.strip().lower().replace(" ", "+"), parameters)


def parse_accept(text: str) -> list[MediaType]:
    """Read an Accept header or query value; nothing at all accepts everything."""
    ranges = [parse_media_type(item) for item in _split(text[:MAX_ACCEPT_LENGTH], ",")]
    return [accepted for accepted in ranges if accepted.name] or [MediaType("*/*")]


def choose(query: str | None, header: str | None, offers: Sequence[Offer]) -> Choice:
    """Agree on a representation: the query's accept key first, then the header, each by weight.

    Offers come in order of preference. A header does not stop a query key from being met.
    """
    for text in (query, header):
        if text is None:
            continue
        choice = _agreed(text[:MAX_ACCEPT_LENGTH], tuple(offers))
        if choice is not None:
            return choice
    if query is None and header is None:
        return Choice(offers[0])
    listed = ", ".join(dict.fromkeys(offer.inner or offer.name for offer in offers))
    raise NotAcceptableError(f"This can be had as {listed}.")


@lru_cache(maxsize=256)
def _agreed(text: str, offers: tuple[Offer, ...]) -> Choice | None:
    """Agree with one text; a program asks with the same one all the time."""
    return _best(parse_accept(text), offers)


def _best(ranges: Sequence[MediaType], offers: Sequence[Offer]) -> Choice | None:
    """Weigh each offer by the most specific range that covers it (RFC 9110 12.5.1).

    Among equals what the asker names comes before what only a wildcard lets in, then the asker's
    own order stands, then ours.
    """
    best: tuple[float, int, int] | None = None
    chosen: Offer | None = None
    for offer in offers:
        covering = [
            (_specificity(accepted, offer), accepted.quality, -number)
            for number, accepted in enumerate(ranges)
            if _covers(accepted, offer)
        ]
        if not covering:
            continue
        closeness = max(closeness for closeness, _, _ in covering)
        # A media type may be named several times, with a transfer syntax each.
        quality, order = max((q, n) for close, q, n in covering if close == closeness)
        weight = (quality, closeness, order)
        if quality > 0 and (best is None or weight > best):
            best, chosen = weight, offer
    return Choice(chosen, _syntaxes(ranges, chosen)) if chosen is not None else None


def _specificity(accepted: MediaType, offer: Offer) -> int:
    if accepted.name != offer.name:
        return 1 if accepted.name.endswith("/*") and accepted.name != "*/*" else 0
    return 3 if accepted.inner and accepted.inner == offer.inner else 2


def _syntaxes(ranges: Sequence[MediaType], offer: Offer) -> tuple[str, ...]:
    """Return the transfer syntaxes that go with an offer, the best liked first."""
    named = [
        accepted
        for accepted in ranges
        if accepted.quality > 0 and accepted.name == offer.name and _covers(accepted, offer)
    ]
    named.sort(key=lambda accepted: -accepted.quality)
    # Without the parameter the default is meant, which only needs to be said beside others.
    found = [accepted.parameters.get("transfer-syntax", EXPLICIT_LITTLE) for accepted in named]
    if not any("transfer-syntax" in accepted.parameters for accepted in named):
        return ()
    return tuple(dict.fromkeys(found))


def _covers(accepted: MediaType, offer: Offer) -> bool:
    if not _is_in_range(offer.name, accepted.name):
        return False
    return not (offer.inner and accepted.inner) or _is_in_range(offer.inner, accepted.inner)


def _is_in_range(name: str, accepted: str) -> bool:
    if accepted in {"*/*", "*", name}:
        return True
    return accepted.endswith("/*") and name.startswith(accepted[:-1])


def _split(text: str, separator: str) -> Iterator[str]:
    for found in _PARTS[separator].findall(text):
        if found.strip():
            yield found.strip()


def _unquoted(text: str) -> str:
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
