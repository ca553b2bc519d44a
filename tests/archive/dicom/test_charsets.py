import io

import pytest

from archive.dicom.charsets import (
    decode_text,
    fold_text,
    person_name_groups,
    python_encodings,
    repertoire_of,
)
from archive.dicom.reading import read_header
from tests.archive.dicom.conftest import PYDICOM_DATA
from tests.builders import bytestreams as build

# The examples of PS3.5 annexes H, I, J and K, byte for byte.
EXAMPLES = [
    (
        ["", "ISO 2022 IR 87"],
        b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ),
    (
        ["ISO 2022 IR 13", "ISO 2022 IR 87"],
        (
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J="
            b"\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J"
        ),
        "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう",
    ),
    (
        ["", "ISO 2022 IR 149"],
        b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf",
        "Hong^Gildong=洪^吉洞=홍^길동",
    ),
    (
        ["ISO_IR 192"],
        "Wang^XiaoDong=王^小东=".encode(),
        "Wang^XiaoDong=王^小东=",
    ),
    (["GB18030"], "Wang^XiaoDong=王^小东=".encode("gb18030"), "Wang^XiaoDong=王^小东="),
    (["GBK"], "Wang^XiaoDong=王^小东=".encode("gbk"), "Wang^XiaoDong=王^小东="),
    (
        ["", "ISO 2022 IR 58"],
        b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=",
        "Zhang^XiaoDong=张^小东=",
    ),
    (["ISO_IR 100"], b"Buc^J\xe9r\xf4me", "Buc^Jérôme"),
    (["ISO_IR 101"], b"W\xb3\xf3dz", "Włódz"),
    (["ISO_IR 109"], b"\xc6u", "Ĉu"),
    (["ISO_IR 110"], b"\xc0", "Ā"),
    (["ISO_IR 127"], b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
    (["ISO_IR 126"], b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
    (["ISO_IR 138"], b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
    (["ISO_IR 148"], b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu"),
    (["ISO_IR 166"], b"\xca\xc1\xaa\xd2\xc2", "สมชาย"),
    (["ISO_IR 203"], b"\xa4 \xbd", "€ œ"),
    (["ISO_IR 13"], b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
    (["ISO 2022 IR 100", "ISO 2022 IR 144"], b"J\xe9r\xf4me=\x1b-L\xbb\xee\xda", "Jérôme=Люк"),
    (["", "ISO 2022 IR 159"], b"\x1b$(D\x22\x2f\x1b(B", "˘"),
]


@pytest.mark.parametrize(
    ("terms", "value", "expected"), EXAMPLES, ids=lambda value: str(value)[:24]
)
def test_decode_text_of_person_names(terms, value, expected):
    assert decode_text(value, terms, is_person_name=True) == expected


@pytest.mark.parametrize(
    "term",
    ["ISO_IR 100", "ISO-IR 100", "iso ir 100", "ISO_IR100", "ISO 2022 IR 100", "ISO2022IR100"],
)
def test_decode_text_understands_spelling_variants(term):
    assert decode_text(b"\xe9", [term]) == "é"


@pytest.mark.parametrize("terms", [[], [""], ["ISO_IR 6"], ["nonsense"]])
def test_decode_text_of_undeclared_bytes_tries_utf8_then_latin1(terms):
    assert decode_text("Müller".encode(), terms) == "Müller"
    assert decode_text("Müller".encode("latin-1"), terms) == "Müller"


@pytest.mark.parametrize(
    "terms",
    [["ISO_IR 192"], ["GB18030"], ["", "ISO 2022 IR 87"], ["", "ISO 2022 IR 149"], ["ISO_IR 13"]],
)
def test_decode_text_never_fails(terms):
    for value in (
        b"\xff\xfe\xc0\x80",
        b"\x1b$B\x21",
        b"\x1b$)C\xff",
        b"\x1b",
        b"\x1b$",
        bytes(range(256)),
    ):
        text = decode_text(value, terms, is_person_name=True)
        text.encode("utf-8")


def test_decode_text_never_uses_a_codec_that_a_file_names():
    assert decode_text(b"\\x41\xe9", ["unicode_escape"]) == "\\x41é"
    assert python_encodings(["unicode_escape", "rot13"]) == ["iso8859", "iso8859"]


def test_decode_text_of_korean_without_repeated_escape():
    value = b"Hong=\x1b$)C\xfb\xf3^\xd1\xce\xd4\xd7"
    assert decode_text(value, ["", "ISO 2022 IR 149"], is_person_name=True) == "Hong=洪^吉洞"


def test_decode_text_returns_to_the_first_set_after_a_line():
    value = b"\x1b-L\xbb\xee\xda\r\n\xe9"
    assert decode_text(value, ["ISO 2022 IR 100", "ISO 2022 IR 144"]) == "Люк\r\né"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("chrArab", "قباني^لنزار"),
        ("chrFren", "Buc^Jérôme"),
        ("chrGerm", "Äneas^Rüdiger"),
        ("chrGreek", "Διονυσιος"),
        ("chrH31", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("chrH32", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("chrHbrw", "שרון^דבורה"),
        ("chrI2", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("chrRuss", "Люкceмбypг"),  # noqa: RUF001 as the file mixes the alphabets
        ("chrX1", "Wang^XiaoDong=王^小東"),
        ("chrX2", "Wang^XiaoDong=王^小东"),
    ],
)
def test_decode_text_of_pydicoms_files(name, expected):
    ds = read_header(PYDICOM_DATA / "charset_files" / f"{name}.dcm").ds
    value = ds.get_item("PatientName").value
    terms = ds.get_item("SpecificCharacterSet").value.decode().strip().split("\\")

    assert decode_text(value, terms, is_person_name=True).strip(" =") == expected


def test_repertoire_of_a_stand_alone_set_ignores_extensions():
    assert repertoire_of(["ISO_IR 192", "ISO 2022 IR 87"]).stand_alone == "utf-8"


def test_python_encodings_let_pydicom_read_the_same_names():
    name = "Yamada^Tarou=山田^太郎=やまだ^たろう"
    data = build.part10(
        build.text(0x00080005, "CS", "\\ISO 2022 IR 87")
        + build.identity()
        + build.element(0x00100010, "PN", EXAMPLES[0][1])
    )
    assert str(read_header(io.BytesIO(data)).ds.PatientName) == name


@pytest.mark.parametrize(
    ("name", "groups"),
    [
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", ("Yamada^Tarou", "山田^太郎", "やまだ^たろう")),
        ("Doe^Jane", ("Doe^Jane", "", "")),
        ("=山田", ("", "山田", "")),
        (" Doe =x=y=z", ("Doe", "x", "y")),
        ("", ("", "", "")),
        (None, ("", "", "")),
    ],
)
def test_person_name_groups(name, groups):
    assert person_name_groups(name) == groups


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Buc^Jérôme", "buc jerome"),
        ("Müller^Jörg^^Dr.", "muller jorg dr."),
        ("GROẞ", "gross"),
        ("Straße", "strasse"),
        ("Łódź", "lodz"),
        ("Ærøskøbing", "aeroskobing"),
        ("İstanbul", "istanbul"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "yamada tarou 山田 太郎 やまた たろう"),
        ("ﾔﾏﾀﾞ", "ヤマタ"),
        ("홍^길동", "홍 길동"),
        ("  a \t b  ", "a b"),
        ("Doe*", "doe*"),
        ("", ""),
    ],
)
def test_fold_text(text, folded):
    assert fold_text(text) == folded
    assert fold_text(folded) == folded
