"""C-FIND's side of the query engine: identifiers in, identifiers out (PS3.4 C.4.1)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag, Tag

from archive.dicom.charsets import ANSWER_CODECS, answer_term, decode_text
from archive.query.attributes import ATTRIBUTES, Attribute, is_supported
from archive.query.selectors import stream_matches
from archive.query.types import Kind, Level, Match, MatchingKey, Query

if TYPE_CHECKING:
    from collections.abc import Iterator

    from archive.models.querysets import AnyUser

LEVELS = {
    "PATIENT": Level.PATIENT,
    "STUDY": Level.STUDY,
    "SERIES": Level.SERIES,
    "IMAGE": Level.INSTANCE,
}
_LEVEL_NAMES = {level: name for name, level in LEVELS.items()}
_CHARACTER_SET = 0x00080005
# How the query is asked, or where its answers lie: neither matched nor an unsupported key.
_NO_KEYS = frozenset({_CHARACTER_SET, 0x00080052, 0x00080054, 0x00080201})
_TEXTS = frozenset({"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "TM", "UI"})


class Find:
    """One C-FIND: iterate it for the answers, which come while they are read.

    Parameters
    ----------
    user
        with whose rights is asked
    level
        what is looked for
    keys
        the request's identifier
    retrieve_ae_title
        what answers say of where the objects are retrieved
    is_fuzzy, is_datetime_combined, is_empty_value_matching, is_multiple_value_matching
        what the association negotiated (PS3.4 C.5.1.1)

    Attributes
    ----------
    unsupported
        keywords, or tags, of keys that are neither matched nor returned at this level

    Raises
    ------
    InvalidRequestError
        A key's value is malformed; told while it is made, or with the first answer.
    """

    def __init__(
        self,
        *,
        user: AnyUser,
        level: Level,
        keys: Dataset,
        retrieve_ae_title: str = "",
        is_fuzzy: bool = False,
        is_datetime_combined: bool = False,
        is_empty_value_matching: bool = False,
        is_multiple_value_matching: bool = False,
    ) -> None:
        self._user = user
        self._level = level
        self._retrieve_ae_title = retrieve_ae_title
        self._terms = _terms(keys)
        matching = tuple(_matching_keys(keys, self._terms))
        self._asked = {key.keyword.partition(".")[0] for key in matching}
        self._query = Query(
            level=level,
            keys=matching,
            is_fuzzy=is_fuzzy,
            is_datetime_combined=is_datetime_combined,
            is_empty_value_matching=is_empty_value_matching,
            is_multiple_value_matching=is_multiple_value_matching,
        )
        self.unsupported = tuple(
            key.keyword for key in matching if not is_supported(key.keyword, level)
        )

    def __iter__(self) -> Iterator[Dataset]:
        """Give the answers in a stable order; none is outside the user's rights."""
        for match in stream_matches(user=self._user, query=self._query):
            yield self._answer(match)

    def _answer(self, match: Match) -> Dataset:
        shown = [
            (attribute, values)
            for attribute, values in match.values
            if attribute.keyword in self._asked or _is_unique_key(attribute, self._level)
        ]
        said = "".join(str(value) for _, values in shown for value in values)
        ds = Dataset()
        if term := answer_term(said, self._terms[:1]):
            ds.SpecificCharacterSet = term
        codec = ANSWER_CODECS[term]
        _put(ds, "QueryRetrieveLevel", (_LEVEL_NAMES[self._level],), codec)
        if self._retrieve_ae_title:
            _put(ds, "RetrieveAETitle", (self._retrieve_ae_title,), codec)
        for attribute, values in shown:
            if attribute.kind is Kind.REQUEST:
                setattr(ds, attribute.keyword, [_item(value) for value in values])
            else:
                _put(ds, attribute.keyword, values, codec)
        # Most ask in Implicit VR Little Endian: then texts are written as they lie there.
        ds.set_original_encoding(True, True, ds._character_set)  # noqa: FBT003, SLF001 pydicom's
        return ds


def find(
    *, user: AnyUser, level: Level, keys: Dataset, retrieve_ae_title: str = "", **negotiated: bool
) -> Find:
    """Answer a C-FIND of the patient or study root model.

    Parameters
    ----------
    user
        with whose rights is asked
    level
        what is looked for, as `LEVELS` translates Query/Retrieve Level (0008,0052)
    keys
        the request's identifier; keys of the levels above narrow the search too
    retrieve_ae_title
        what answers say of where the objects are retrieved
    **negotiated
        as `Find` takes them

    Returns
    -------
    the answers, to be iterated, with ``unsupported`` keys (status FF01 where there are any)

    References
    ----------
    DICOM PS3.4 sections C.4.1.1 and C.6
    """
    return Find(
        user=user, level=level, keys=keys, retrieve_ae_title=retrieve_ae_title, **negotiated
    )


def _terms(keys: Dataset) -> tuple[str, ...]:
    if _CHARACTER_SET not in keys:
        return ()
    return tuple(_text(keys.get_item(_CHARACTER_SET), (), is_name=False).strip(" \0").split("\\"))


def _matching_keys(keys: Dataset, terms: tuple[str, ...], path: str = "") -> Iterator[MatchingKey]:
    for tag in sorted(keys.keys()):
        if tag in _NO_KEYS or tag & 0xFFFF == 0:
            continue
        keyword = f"{path}{keyword_for_tag(tag) or f'{tag:08X}'}"
        element: Any = keys.get_item(tag)
        attribute = ATTRIBUTES.get(keyword)
        if attribute is None:
            # Never matched, so whatever it holds is no error: the items of a sequence, whose
            # representation Implicit VR does not tell, or bytes of a private element (C.2.2.1.2).
            if not path or element.value:
                yield MatchingKey(keyword)
        elif attribute.kind is Kind.REQUEST and not path:
            yield MatchingKey(keyword)
            yield from _nested_keys(keyword, keys[tag].value, terms)
        else:
            text = _text(element, terms, is_name=attribute.kind is Kind.NAME)
            values = tuple(part.strip(" \0") for part in text.split("\\"))
            if not path or any(values):
                yield MatchingKey(keyword, values)


def _nested_keys(keyword: str, items: Any, terms: tuple[str, ...]) -> Iterator[MatchingKey]:
    """Take the keys of the sequence's item, of which a request has at most one (C.2.2.2.6)."""
    for item in list(items or [])[:1]:
        yield from _matching_keys(item, terms, f"{keyword}.")


def _text(element: Any, terms: tuple[str, ...], *, is_name: bool) -> str:
    """Read a key from its bytes: wildcards and ranges are no values of most representations."""
    value = element.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return decode_text(value, terms, is_person_name=is_name)
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        return str(value)
    parts = [value] if hasattr(value, "original_string") else list(value)
    return "\\".join(str(part) for part in parts)


def _is_unique_key(attribute: Attribute, level: Level) -> bool:
    if attribute.kind is Kind.UID and attribute.keyword.endswith("InstanceUID"):
        return attribute.level <= level
    return attribute.keyword == "PatientID"


def _put(ds: Dataset, keyword: str, values: tuple[Any, ...], codec: str) -> None:
    """Add an element as it is written: a list has hundreds, and pydicom's own are slow to make."""
    tag, vr = _named(keyword)
    written = [str(value) for value in values]
    if vr not in _TEXTS:
        setattr(ds, keyword, written if len(written) > 1 else "".join(written) or None)
        return
    value = "\\".join(written).encode(codec)
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    # Text is the same bytes in every encoding of a data set.
    element = RawDataElement(tag, vr, len(value), value, 0, True, True)  # noqa: FBT003 pydicom's own tuple
    ds._dict[tag] = element  # noqa: SLF001 as its reader does


@cache
def _named(keyword: str) -> tuple[BaseTag, str]:
    tag = Tag(keyword)
    return tag, dictionary_VR(tag)


def _item(values: dict[str, str]) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
