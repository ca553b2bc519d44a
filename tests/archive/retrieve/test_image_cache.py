from __future__ import annotations

import pytest

from archive.retrieve import image_cache
from archive.retrieve.image_cache import cached_picture

pytestmark = pytest.mark.django_db


def test_a_picture_is_made_once():
    made = []

    def make():
        made.append(1)
        return b"picture"

    assert cached_picture("picture:a", make) == cached_picture("picture:a", make) == b"picture"
    assert len(made) == 1


def test_a_large_picture_is_not_kept(monkeypatch):
    monkeypatch.setattr(image_cache, "MAX_ENTRY_BYTES", 3)

    assert cached_picture("picture:b", lambda: b"large") == b"large"
    assert cached_picture("picture:b", lambda: b"other") == b"other"
