from __future__ import annotations

import pytest

from archive.query.wildcards import has_wildcard, like_pattern


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("DOE*", "DOE%"),
        ("D?E", "D_E"),
        ("***A***", "%A%"),
        ("100%*", r"100\%%"),
        ("a_b", r"a\_b"),
        ("a\\b", r"a\\b"),
        ("*", "%"),
    ],
)
def test_like_pattern_translates_wildcards_and_escapes_sqls_own(text, pattern):
    assert like_pattern(text) == pattern


def test_has_wildcard_sees_both():
    assert has_wildcard("a*")
    assert has_wildcard("a?")
    assert not has_wildcard("a%_")
