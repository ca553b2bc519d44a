"""HL7 v2 messages as their fields: nothing of a message can make this fail but its header."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import hl7

from archive.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_SEGMENTS, MAX_REPETITIONS = 2000, 20
# What a sender writes to say that there is nothing (HL7 v2.5.1, 2.5.3).
_NULL = '""'
_MOMENT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?")
# HL7 table 0211, and the names that systems write in its place; without spaces and marks.
_CHARACTER_SETS = {
    "": "utf-8",
    "ASCII": "utf-8",
    "ISOIR6": "utf-8",
    "UNICODE": "utf-8",
    "UNICODEUTF8": "utf-8",
    "UTF8": "utf-8",
    "ISOIR192": "utf-8",
    "UNICODEUTF16": "utf-16",
    "UNICODEUTF32": "utf-32",
    **{f"88591{part}": f"iso8859-1{part}" for part in (0, 1, 3, 4, 5, 6)},
    **{f"8859{part}": f"iso8859-{part}" for part in range(1, 10)},
    **{f"ISO8859{part}": f"iso8859-{part}" for part in (*range(1, 11), 13, 14, 15, 16)},
    **{f"WINDOWS{page}": f"cp{page}" for page in range(1250, 1259)},
    **{f"CP{page}": f"cp{page}" for page in range(1250, 1259)},
    "ISOIR14": "iso2022_jp_ext",
    "ISOIR87": "iso2022_jp_ext",
    "ISOIR159": "iso2022_jp_ext",
    "KSX1001": "euc_kr",
    "GB180302000": "gb18030",
    "GB18030": "gb18030",
    "BIG5": "big5",
}
# What is none of them is no Latin-1 either; where UTF-8 is said, it often is.
_OF_SEVERAL_BYTES = frozenset({"gb18030", "big5", "euc_kr", "iso2022_jp_ext", "utf-16", "utf-32"})
# HL7 table 0001 and DICOM's Patient's Sex.
_SEXES = {"F": "F", "M": "M", "O": "O", "A": "O"}
_ENVELOPES = (b"FHS", b"BHS", b"\xef\xbb\xbfFHS", b"\xef\xbb\xbfBHS")
_ENVELOPE = re.compile(rb"(?:FHS|BHS|BTS|FTS)[^A-Za-z0-9\s]|(?:BTS|FTS)$")
# Of a name's repetitions (XPN-7), the one that counts: legal, or said to be of no kind.
_LEGAL = ("L", "", "D", "U")
# How a name is written (XPN-8), as DICOM puts the groups side by side: read, written, sounded.
_WRITTEN = (("A", ""), ("I",), ("P", "S"))


class UnreadableMessageError(InvalidRequestError):
    """The bytes are no HL7 v2 message with a header."""

    code = "no-hl7-message"


@dataclass(frozen=True)
class Message:
    """A message and what its header says."""

    parsed: Any
    # Its segments, or those of a group of them.
    rows: tuple[Any, ...]
    kind: str
    control_id: str
    partner: str
    processing_id: str
    version: str
    digest: str
    # Which acknowledgements the sender asks for (HL7 table 0155); empty: one, as everybody's.
    accept_wanted: str = ""
    answer_wanted: str = ""

    def text(
        self, segment: str, field: int, component: int = 1, *, nth: int = 1, repetition: int = 1
    ) -> str:
        """Return a component of a field's repetition; empty where there is none."""
        for number, one in enumerate(self.segments(segment), start=1):
            if number == nth:
                return field_text(self.parsed, one, field, component, repetition)
        return ""

    def repetitions(self, segment: str, field: int) -> range:
        """Return the numbers of a field's repetitions, one at least."""
        for one in self.segments(segment):
            with contextlib.suppress(IndexError, KeyError, TypeError):
                return range(1, max(1, min(len(one[field]), MAX_REPETITIONS)) + 1)
        return range(1, 2)

    def segments(self, name: str) -> Iterator[Any]:
        """Give the segments of a name, in their order."""
        yield from (one for one in self.rows if str(one[0]) == name)

    def groups(self, opening: str) -> list[Message]:
        """Take apart what a message says several times: a group begins with each such segment.

        What stands before the first belongs to all of them; without one the message is a group.
        """
        starts = [place for place, one in enumerate(self.rows) if str(one[0]) == opening]
        if len(starts) < 2:
            return [self]
        ends = [*starts[1:], len(self.rows)]
        shared = self.rows[: starts[0]]
        return [
            replace(self, rows=shared + self.rows[start:end])
            for start, end in zip(starts, ends, strict=True)
        ]


def messages_of(content: bytes) -> list[bytes] | None:
    """Take a batch or file of messages apart (HL7 v2.5.1, 2.10.3); None where it is a message.

    Parameters
    ----------
    content
        without the block characters of MLLP
    """
    if not content.lstrip().startswith(_ENVELOPES):
        return None
    found: list[list[bytes]] = []
    for line in content.replace(b"\r\n", b"\r").replace(b"\n", b"\r").split(b"\r"):
        if line.startswith(b"MSH"):
            found.append([line])
        elif found and line and not _ENVELOPE.match(line):
            found[-1].append(line)
    return [b"\r".join(lines) + b"\r" for lines in found]


def read_message(content: bytes) -> Message:
    """Take a message apart.

    Parameters
    ----------
    content
        without the block characters of MLLP

    Raises
    ------
    UnreadableMessageError
        It has no header, too many segments, or other characters than it says.
    """
    text = _decoded(content).lstrip("\ufeff").replace("\r\n", "\r").strip("\r\n") + "\r"
    # Where lines end as they should, a line feed is a part of what is said.
    text = text.replace("\n", " " if "\r" in text.rstrip("\r") else "\r")
    if not text.startswith("MSH") or len(text) < 9 or text.count("\r") > MAX_SEGMENTS:
        raise UnreadableMessageError("This is no HL7 message: it begins with no MSH segment.")
    if "\rMSH" in text:
        raise UnreadableMessageError("These are several messages without a batch's header.")
    try:
        parsed = hl7.parse(text)
        header = parsed[0]

        def said(field: int, component: int = 1) -> str:
            return field_text(parsed, header, field, component)

        return Message(
            parsed=parsed,
            rows=tuple(parsed),
            kind="^".join(part for part in (said(9), said(9, 2)) if part)[:16],
            control_id=said(10)[:199],
            partner=f"{said(3)}|{said(4)}"[:200],
            processing_id=said(11) or "P",
            version=said(12) or "2.5.1",
            accept_wanted=said(15).upper(),
            answer_wanted=said(16).upper(),
            digest=hashlib.sha256(content).hexdigest(),
        )
    except UnreadableMessageError:
        raise
    except Exception as error:  # any parser's error: the message is not what it should be
        raise UnreadableMessageError("The message can't be read as HL7.") from error


def field_text(
    parsed: Any, segment: Any, field: int, component: int = 1, repetition: int = 1
) -> str:
    """Return a component of a segment's field, unescaped and on one line; empty for HL7's null."""
    with contextlib.suppress(IndexError, KeyError, TypeError, ValueError, AttributeError):
        text = _unescaped(parsed, _leaf(segment(field)(repetition), component))
        plain = "".join(char if char.isprintable() else " " for char in text).strip()
        return "" if plain == _NULL else plain
    return ""


def _leaf(repetition: Any, component: int) -> str:
    """Return a component as it is written; of subcomponents the first that says something."""
    if not isinstance(repetition, hl7.Repetition):
        return str(repetition) if component == 1 else ""
    found = repetition(component)
    parts = found if isinstance(found, hl7.Component) else [found]
    return next((str(part) for part in parts if str(part)), "")


def _unescaped(parsed: Any, text: str) -> str:
    """Return what a text says (HL7 v2.5.1, 2.7); what is about type or sets is left out."""
    mark = parsed.esc
    if not mark or mark not in text:
        return text
    _, field, repetition, component, sub = [*str(parsed.separators)[:5]]
    said = {"F": field, "S": component, "T": sub, "R": repetition, "E": mark, "P": "#"}

    def one(found: re.Match[str]) -> str:
        code = found[1]
        if code.startswith(("X", "x")):
            with contextlib.suppress(ValueError):
                return bytes.fromhex(code[1:]).decode("utf-8", "replace")
        return " " if code.startswith(".") else said.get(code, "")

    return re.sub(f"{re.escape(mark)}([^{re.escape(mark)}]*){re.escape(mark)}", one, text)


def person_name(message: Message, segment: str, field: int, *, first: int = 1) -> str:
    """Return a name (XPN, or XCN from its second component) as DICOM writes it.

    Of several names the legal one counts, in each way that it is written.
    """
    numbers = message.repetitions(segment, field)
    if first > 1:
        return _name(message, segment, field, first, 1)
    kinds = {one: message.text(segment, field, 7, repetition=one) for one in numbers}
    told = [one for one in numbers if message.text(segment, field, 1, repetition=one)]
    best = next((kind for kind in _LEGAL if kind in {kinds[one] for one in told}), None)
    told = [one for one in told if kinds[one] == best] or told[:1]
    groups = []
    for codes in _WRITTEN:
        written = (one for one in told if message.text(segment, field, 8, repetition=one) in codes)
        number = next(written, None)
        groups.append(_name(message, segment, field, first, number) if number else "")
    return "=".join(groups).rstrip("=")[:324]


def _name(message: Message, segment: str, field: int, first: int, repetition: int) -> str:
    order = (0, 1, 2, 4, 3)  # family, given, middle, prefix, suffix
    parts = [message.text(segment, field, first + at, repetition=repetition) for at in order]
    clean = [part.replace("^", " ").replace("=", " ").replace("\\", " ") for part in parts]
    return "^".join(clean).rstrip("^")[:324]


def moment(text: str) -> tuple[datetime.date | None, datetime.time | None]:
    """Return day and time of a DTM value; None where it is none."""
    match = _MOMENT.match(text)
    if match is None:
        return None, None
    year, month, day, hour, minute, second = match.groups()
    try:
        date = datetime.date(int(year), int(month), int(day))
        time = datetime.time(int(hour), int(minute), int(second or 0)) if hour else None
    except ValueError:
        return None, None
    return date, time


def sex(text: str) -> str:
    """Return Patient's Sex for an administrative sex; empty where DICOM has no word for it."""
    return _SEXES.get(text.upper(), "")


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")) or b"M\0S\0H\0" in content[:16]:
        return content.decode("utf-16", "replace")
    header = content[:2000].split(b"\r", 1)[0].split(b"\n", 1)[0]
    start = max(header.find(b"MSH"), 0)
    fields = header[start:].split(header[start + 3 : start + 4] or b"|")
    stated = fields[17].decode("ascii", "replace").upper() if len(fields) > 17 else ""
    named = [_codec(one) for one in re.split(r"[~\\]", stated)]
    # The first is what everything is written in, until another of them is switched to.
    codec = next((one for one in reversed(named) if one == "iso2022_jp_ext"), named[0])
    try:
        return content.decode(codec or "utf-8")
    except UnicodeDecodeError as error:
        if codec in _OF_SEVERAL_BYTES:
            # Guessed, every name would be another's.
            message = "This is not in the character set that MSH-18 names."
            raise UnreadableMessageError(message) from error
        return content.decode("latin-1")


def _codec(stated: str) -> str:
    return _CHARACTER_SETS.get(re.sub(r"[^A-Z0-9]", "", stated), "")
