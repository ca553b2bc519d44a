from __future__ import annotations

import pytest

from archive.errors import InvalidRequestError
from inference.bundles.fetching import fetched
from inference.errors import ModelUnavailableError


def test_a_folder_or_zip_here_is_used_where_it_lies(tmp_path):
    with fetched("any", str(tmp_path)) as (path, origin):
        assert path == tmp_path
        assert origin == str(tmp_path.resolve())


@pytest.mark.parametrize("source", ["absent/folder", "http://127.0.0.1:9/b.zip", "file:///etc"])
def test_other_sources_are_refused(source):
    with pytest.raises(InvalidRequestError), fetched("any", source):
        pass


def test_an_address_that_can_not_be_reached_says_what_to_do():
    with (
        pytest.raises(ModelUnavailableError, match=r"machine with network.*--source"),
        fetched("any", "https://127.0.0.1:9/b.zip"),
    ):
        pass


def test_without_a_network_the_zoo_says_what_to_do(monkeypatch):
    # The child has this as its proxy: nothing listens there.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with (
        pytest.raises(ModelUnavailableError) as raised,
        fetched("spleen_ct_segmentation"),
    ):
        pass
    assert "download(name='spleen_ct_segmentation', bundle_dir='DIR')" in raised.value.message
    assert "models install spleen_ct_segmentation --source DIR/" in raised.value.message
