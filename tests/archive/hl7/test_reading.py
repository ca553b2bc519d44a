"""What hospitals write that is unusual and legal, without a database."""

import socket
import time

import pytest

from archive.hl7.answering import ACCEPTED, FAILED, acknowledgement, batch_of
from archive.hl7.listener import Limits, MllpListener
from archive.hl7.reading import UnreadableMessageError, messages_of, person_name, read_message

HEAD = "MSH|^~\\&|HIS|CLINIC|PACS|RAD|20261122120000||ADT^A08|M1|P|2.5.1|||{}||{}\r"


def name_of(said):
    return person_name(said, "PID", 5)


@pytest.mark.parametrize(
    ("charset", "codec", "name"),
    [
        ("", "utf-8", "Müller^Jane"),
        ("", "latin-1", "Müller^Jane"),
        ("8859/1", "latin-1", "Müller^Jane"),
        ("8859/2", "iso8859-2", "Dvořák^Jiří"),
        ("8859/5", "iso8859-5", "Иванова^Анна"),
        ("8859/7", "iso8859-7", "Διονυσιος^Ζωή"),
        ("8859/15", "iso8859-15", "Œuvre^€va"),
        ("ISO-8859-1", "latin-1", "Müller^Jane"),
        ("WINDOWS-1252", "cp1252", "Œuvre^“J”"),
        ("UNICODE UTF-8", "utf-8", "山田^太郎"),
        ("UTF-8", "utf-8", "山田^太郎"),
        ("~ISO IR87", "iso2022_jp", "山田^太郎"),
        ("GB 18030-2000", "gb18030", "王^小东"),
        ("KS X 1001", "euc_kr", "김^희중"),
        ("BIG-5", "big5", "王^小東"),
        ("NOBODY KNOWS", "utf-8", "Müller^Jane"),
    ],
)
def test_names_in_the_character_sets_of_the_world(charset, codec, name):
    head = HEAD.format("", charset).replace("|||||", "||||||")
    assert head.split("|")[17].rstrip("\r") == charset

    said = read_message((head + f"PID|||P-1||{name}\r").encode(codec))

    assert name_of(said) == name


@pytest.mark.parametrize("charset", ["GB 18030-2000", "BIG-5", "KS X 1001", "~ISO IR87"])
def test_names_are_never_guessed_in_another_character_set(charset):
    head = HEAD.format("", charset).replace("|||||", "||||||")
    content = head.encode() + b"PID|||P-1||\xfc\xff\xfe^Jane\r"

    with pytest.raises(UnreadableMessageError, match="MSH-18"):
        read_message(content)


def test_a_mark_before_the_header_and_two_bytes_a_character_are_read():
    text = HEAD.format("", "") + "PID|||P-1||Müller^Jane\r"
    for content in (text.encode("utf-8-sig"), text.encode("utf-16")):
        assert name_of(read_message(content)) == "Müller^Jane"


@pytest.mark.parametrize(
    ("field", "name"),
    [
        ("O\\T\\Brien\\S\\x^J\\R\\n", "O&Brien x^J~n"),
        ("Roe^Jane\\.br\\Ann", "Roe^Jane Ann"),
        ("Roe^\\X4A616E65\\", "Roe^Jane"),
        ("Roe^\\H\\Jane\\N\\", "Roe^Jane"),
        ("Roe^Ja\\E\\ne", "Roe^Ja ne"),
        ("Roe^A\\E\\T\\E\\B", "Roe^A T B"),
        ("Roe^\\C2842\\Jane\\Zany\\", "Roe^Jane"),
        ("van Beethoven&van&Beethoven^Ludwig", "van Beethoven^Ludwig"),
        ('""', ""),
        ('""^""', ""),
        ("Maiden^Jane^^^^^M~Roe^Jane^^^^^L", "Roe^Jane"),
        ("Alias^J^^^^^A~Roe^Jane", "Roe^Jane"),
        (
            "Yamada^Taro^^^^^L^A~山田^太郎^^^^^L^I~やまだ^たろう^^^^^L^P",
            "Yamada^Taro=山田^太郎=やまだ^たろう",
        ),
        ("山田^太郎^^^^^L^I~ヤマダ^タロウ^^^^^L^P", "=山田^太郎=ヤマダ^タロウ"),
        ("Only^Maiden^^^^^M", "Only^Maiden"),
        ("Roe^Jane^Q^Jr^Dr^MD", "Roe^Jane^Q^Dr^Jr"),
    ],
)
def test_names_with_escapes_nulls_and_repetitions(field, name):
    text = HEAD.format("", "") + f"PID|||P-1||{field}\r"
    assert name_of(read_message(text.encode())) == name


def test_other_separators_line_ends_and_segments_of_the_sites_own():
    odd = "MSH$%*\\@$HIS$CLINIC$P$R$x$$ADT%A08$1$P$2.5\rZZZ$1\rPID$$$P-1%%%HOSP@1.2@ISO$$Roe%Jane"
    said = read_message(odd.encode())
    assert (said.kind, said.text("PID", 3, 4), name_of(said)) == ("ADT^A08", "HOSP", "Roe^Jane")
    short = "MSH|^~\\&#|HIS|C|P|R|x||ADT^A08|1|P|2.7\r\nZPI|a^b~c\r\nPID|||P-1||Roe^Jane\r\n"
    assert name_of(read_message(short.encode())) == "Roe^Jane"
    feeds = (HEAD.format("", "") + "PID|||P-1||Roe^Jane\r").replace("\r", "\n")
    assert name_of(read_message(feeds.encode())) == "Roe^Jane"
    within = HEAD.format("", "") + "NTE|||one\ntwo|x\rPID|||P-1||Roe^Jane\r"
    assert read_message(within.encode()).text("NTE", 3) == "one two"
    assert len(list(read_message(within.encode()).segments("PID"))) == 1


def test_groups_share_what_stands_before_them():
    body = "PID|||P-1\rORC|NW\rOBR|1\rIPC|a\rIPC|b\rORC|CA\rOBR|2\r"
    said = read_message((HEAD.format("", "") + body).encode())
    first, second = said.groups("ORC")
    assert [one.text("IPC", 1) for one in first.groups("IPC")] == ["a", "b"]
    assert (second.text("PID", 3), second.text("ORC", 1), second.text("IPC", 1)) == (
        "P-1",
        "CA",
        "",
    )
    assert said.groups("ZZZ") == [said]


def test_batches_are_taken_apart_and_answered_as_one(settings):
    one = HEAD.format("", "") + "PID|||P-1\r"
    batch = f"FHS|^~\\&|HIS\rBHS|^~\\&|HIS\r{one}{one}BTS|2\rFTS|1\r".encode()

    assert messages_of(one.encode()) is None
    parts = messages_of(batch)
    assert [part.count(b"\r") for part in parts] == [2, 2]
    assert messages_of(b"BHS|^~\\&|HIS\rBTS|0\r") == []
    with pytest.raises(UnreadableMessageError):
        read_message((one + one).encode())
    answer = batch_of([acknowledgement(read_message(part), ACCEPTED) for part in parts])
    assert [line[:3] for line in answer.split(b"\r")] == [
        *(b"BHS", b"MSH", b"MSA", b"MSH", b"MSA", b"BTS", b""),
    ]


@pytest.mark.parametrize(
    ("wanted", "accepted", "failed"),
    [
        ("", "AA", "AE"),
        ("AL|NE", "CA", "CE"),
        ("NE|AL", "AA", "AE"),
        ("AL|AL", "AA", "AE"),
        ("ER|NE", None, "CE"),
        ("NE|ER", None, "AE"),
        ("SU|", "CA", None),
        ("NE|NE", None, None),
    ],
)
def test_acknowledgements_come_in_the_mode_that_is_asked_for(wanted, accepted, failed):
    header = f"MSH|^~\\&|HIS|CLINIC|PACS|RAD|20261122120000||ADT^A08|M1|P|2.5.1|||{wanted}"
    said = read_message(f"{header}\rPID|||P-1\r".encode())
    for code, expected in ((ACCEPTED, accepted), (FAILED, failed)):
        answer = acknowledgement(said, code, condition="internal" if code == FAILED else "")
        assert (f"MSA|{expected}|M1".encode() in answer) if expected else answer == b""


def test_senders_that_are_slow_careless_or_many_words_long():
    def answer(content, _host):
        return str(len(content)).encode() if content != b"silent" else b""

    limits = Limits(message_s=20.0, idle_s=20.0)
    listener = MllpListener("127.0.0.1", 0, answer, senders=["127.0.0.1"], limits=limits)
    with (
        listener,
        socket.create_connection(("127.0.0.1", listener.port), timeout=20) as client,
    ):

        def heard():
            said = b""
            while not said.endswith(b"\x1c\r"):
                said += client.recv(65536)
            return said[1:-2]

        for piece in (b"\r\n\x00", b"\x0b", b"on", b"e", b"\x1c", b"\r\n"):
            client.sendall(piece)
            time.sleep(0.02)
        assert heard() == b"3"
        client.sendall(b"\x0btwo\x1c")
        assert heard() == b"3", "no line end behind the block"
        client.sendall(b"\x0bbroken off\x0bwhole\x1c\r")
        assert heard() == b"5"
        client.sendall(b"\x0bsilent\x1c\r\x0bnext\x1c\r")
        assert heard() == b"4", "nobody asked for an answer to the first"
        client.sendall(b"\x0b" + b"x" * 3_000_000 + b"\x1c\r")
        assert heard() == b"3000000"
