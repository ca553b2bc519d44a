"""Text in the character sets of DICOM, decoded without ever failing, and folded for search."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

# Only codecs of this table are ever looked up: a file may name any string as its character set.
_STAND_ALONE = {"ISOIR192": "utf-8", "UTF8": "utf-8", "GB18030": "gb18030", "GBK": "gbk"}
_G1_CODECS = {
    "13": "shift_jis",
    "100": "latin-1",
    "101": "iso8859-2",
    "109": "iso8859-3",
    "110": "iso8859-4",
    "126": "iso8859-7",
    "127": "iso8859-6",
    "138": "iso8859-8",
    "144": "iso8859-5",
    "148": "iso8859-9",
    "149": "euc_kr",
    "166": "iso8859-11",
    "203": "iso8859-15",
    "58": "gb2312",
}
UTF_8 = "ISO_IR 192"
# Defined terms of one byte a letter (PS3.3 table C.12-2) that answers are written in.
_SINGLE_BYTE = {
    f"ISO_IR {number}": codec
    for number, codec in _G1_CODECS.items()
    if codec.startswith(("latin", "iso8859"))
}
ANSWER_CODECS = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    **_SINGLE_BYTE,
    "GB18030": "gb18030",
    "GBK": "gbk",
    UTF_8: "utf-8",
}
# Escape sequences (PS3.3 tables C.12-3 and C.12-4): which half of the code table they fill.
_G0_ESCAPES = {
    b"\x1b(B": None,
    b"\x1b(J": None,
    b"\x1b$@": b"\x1b$B",
    b"\x1b$B": b"\x1b$B",
    b"\x1b$(B": b"\x1b$B",
    b"\x1b$(D": b"\x1b$(D",
}
_G1_ESCAPES = {
    b"\x1b)I": "shift_jis",
    b"\x1b-A": "latin-1",
    b"\x1b-B": "iso8859-2",
    b"\x1b-C": "iso8859-3",
    b"\x1b-D": "iso8859-4",
    b"\x1b-F": "iso8859-7",
    b"\x1b-G": "iso8859-6",
    b"\x1b-H": "iso8859-8",
    b"\x1b-L": "iso8859-5",
    b"\x1b-M": "iso8859-9",
    b"\x1b-T": "iso8859-11",
    b"\x1b-b": "iso8859-15",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
_ESCAPE = re.compile(rb"(\x1b(?:\$[()][A-D]|\$[@B]|[()\-][A-Za-z]))")
_LINE_DELIMITERS = re.compile(rb"([\t\n\f\r\\]+)")
_NAME_DELIMITERS = re.compile(rb"([\t\n\f\r\\^=]+)")
_NOT_ALPHANUMERIC = re.compile(r"[^A-Z0-9]+")
_SEPARATORS = re.compile(r"[\s^=]+")
_MULTI_BYTE_G1 = frozenset({"euc_kr", "gb2312"})
# Letters that carry their stroke or ligature in themselves, so that NFKD leaves them alone.
_PLAIN_LETTERS = str.maketrans(
    {
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "æ": "ae",
        "œ": "oe",
        "\u0131": "i",
        "ħ": "h",
    }
)


@dataclass(frozen=True, slots=True)
class Repertoire:
    """The character sets that a data set declares, ready to decode with.

    ``stand_alone`` is the codec of a set without code extensions; otherwise ``initial_g1`` fills
    the upper half until an escape sequence says otherwise, and ``fallback_g1`` decodes upper-half
    bytes that no escape sequence announced.
    """

    stand_alone: str | None
    initial_g1: str | None
    fallback_g1: str | None


def repertoire_of(terms: Iterable[str]) -> Repertoire:
    """Look up the values of Specific Character Set.

    Parameters
    ----------
    terms : the defined terms; spelling variants (``ISO-IR 100``, ``ISO2022IR87``) are understood,
        unknown terms count as the default repertoire

    Returns
    -------
    The codecs to decode text with.

    References
    ----------
    DICOM PS3.3 C.12.1.1.2
    """
    return _repertoire(tuple(terms))


@lru_cache(maxsize=256)
def _repertoire(terms: tuple[str, ...]) -> Repertoire:
    names = [_NOT_ALPHANUMERIC.sub("", term.upper()) for term in terms] or [""]
    if names[0] in _STAND_ALONE:
        return Repertoire(_STAND_ALONE[names[0]], None, None)
    codecs = [_g1_codec(name) for name in names]
    extensions = [codec for codec in codecs[1:] if codec in _MULTI_BYTE_G1]
    others = [codec for codec in codecs if codec is not None]
    fallback = next(iter(extensions or others), None)
    return Repertoire(None, codecs[0], codecs[0] or fallback)


def _g1_codec(name: str) -> str | None:
    for prefix in ("ISO2022IR", "ISOIR", "ISO2022"):
        if name.startswith(prefix):
            return _G1_CODECS.get(name.removeprefix(prefix))
    return "gbk" if name == "ISO2022GBK" else None


def python_encodings(terms: Iterable[str]) -> list[str]:
    """Translate Specific Character Set into the codec names that pydicom decodes with.

    Parameters
    ----------
    terms : the defined terms

    Returns
    -------
    At least one codec name, each from this module's table.
    """
    repertoire = repertoire_of(terms)
    if repertoire.stand_alone is not None:
        return [repertoire.stand_alone]
    names = [_NOT_ALPHANUMERIC.sub("", term.upper()) for term in terms] or [""]
    by_number = {"87": "iso2022_jp", "159": "iso2022_jp_2", "58": "iso_ir_58"}
    encodings = []
    for name in names:
        number = name.removeprefix("ISO2022").removeprefix("ISO").removeprefix("IR")
        encodings.append(by_number.get(number) or _g1_codec(name) or "iso8859")
    return encodings


def answer_term(text: str, requested: Iterable[str] = ()) -> str:
    """Choose the character set of an answer: the requestor's own where it has all that is said.

    Parameters
    ----------
    text
        all that the answer says
    requested
        the values of the request's Specific Character Set

    Returns
    -------
    a key of `ANSWER_CODECS`: empty where the default repertoire is enough, UTF-8 where the
    requestor's set is unknown here or lacks a letter

    References
    ----------
    DICOM PS3.4 C.4.1.1.3.2, K.4.1.1.3.2; PS3.3 C.12.1.1.2
    """
    if text.isascii():
        return ""
    for term in requested:
        codec = ANSWER_CODECS.get(term)
        if codec is None:
            break
        try:
            text.encode(codec)
        except UnicodeEncodeError:
            break
        return term
    return UTF_8


def decode_text(value: bytes, terms: Iterable[str] = (), *, is_person_name: bool = False) -> str:
    """Decode one text value; undecodable bytes become U+FFFD.

    Parameters
    ----------
    value : the raw value, all backslash-separated values together
    terms : the values of Specific Character Set that hold for the data set
    is_person_name : ``^`` and ``=`` then return to the initial character set too

    Returns
    -------
    The text, padding and control characters included. Bytes outside ASCII in a data set that
    declares nothing are read as UTF-8 if they are UTF-8, else as Latin-1.

    References
    ----------
    DICOM PS3.5 section 6.1.2.5 and annexes H, I, J, K
    """
    if value.isascii() and b"\x1b" not in value:
        return value.decode("ascii")
    repertoire = _repertoire(tuple(terms))
    if repertoire.stand_alone is not None:
        return value.decode(repertoire.stand_alone, errors="replace")
    if b"\x1b" not in value:
        return _decode_upper(value, repertoire.fallback_g1)
    return _decode_with_extensions(value, repertoire, is_person_name=is_person_name)


def _decode_with_extensions(value: bytes, repertoire: Repertoire, *, is_person_name: bool) -> str:
    delimiters = _NAME_DELIMITERS if is_person_name else _LINE_DELIMITERS
    g0: bytes | None = None
    g1 = repertoire.initial_g1
    last_g1 = repertoire.fallback_g1
    parts: list[str] = []
    for run in _ESCAPE.split(value):
        if run in _G0_ESCAPES:
            g0 = _G0_ESCAPES[run]
        elif run in _G1_ESCAPES:
            g1 = last_g1 = _G1_ESCAPES[run]
        elif g0 is not None:
            codec = "iso2022_jp_2" if g0 == b"\x1b$(D" else "iso2022_jp"
            parts.append((g0 + run).decode(codec, errors="replace"))
        else:
            for piece in delimiters.split(run):
                if delimiters.match(piece):
                    g1 = repertoire.initial_g1
                parts.append(_decode_upper(piece, g1 or last_g1))
    return "".join(parts)


def _decode_upper(value: bytes, codec: str | None) -> str:
    if codec is not None:
        return value.decode(codec, errors="replace")
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError:
        return value.decode("latin-1")


def person_name_groups(name: object) -> tuple[str, str, str]:
    """Split a person's name into its component groups.

    Parameters
    ----------
    name : decoded text or a pydicom PersonName; None counts as empty

    Returns
    -------
    (alphabetic, ideographic, phonetic), each without surrounding blanks and possibly empty

    References
    ----------
    DICOM PS3.5 section 6.2, VR PN
    """
    text = "" if name is None else str(name)
    groups = [group.strip(" \0") for group in text.split("=")[:3]]
    groups += [""] * (3 - len(groups))
    return groups[0], groups[1], groups[2]


def fold_text(text: str) -> str:
    """Reduce text to what a search compares: no case, no accents, single spaces.

    Parameters
    ----------
    text : any text; the separators ``^`` and ``=`` of names become spaces

    Returns
    -------
    The folded text; folding it again changes nothing.
    """
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(char for char in decomposed if not unicodedata.combining(char))
    composed = unicodedata.normalize("NFC", bare.casefold().translate(_PLAIN_LETTERS))
    return _SEPARATORS.sub(" ", composed).strip()


def fold_name(name: str) -> str:
    """Reduce a person's name to what a search compares, its component groups kept apart.

    Parameters
    ----------
    name : up to three groups with ``=`` between them

    Returns
    -------
    The groups folded like any text, with ``=`` between them, without empty ones at the end.

    References
    ----------
    DICOM PS3.5 section 6.2, VR PN
    """
    if "=" not in name:
        return fold_text(name)
    return "=".join(fold_text(group) for group in name.split("=")[:3]).rstrip("=")
