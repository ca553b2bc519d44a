"""Answers in memory are a list, closed; streams are left to the server."""

from collections.abc import Iterator
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from deploy.supervisor.pieces import in_one_piece


class Answer:
    """What Django's answers have; closing theirs looks at the database."""

    content = b"one two"

    def __init__(self, *, is_streaming: bool) -> None:
        self.streaming = is_streaming
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield from (b"one ", b"two")

    def close(self) -> None:
        self.closed = True


def answered(response: Answer) -> object:
    def application(_environ: WSGIEnvironment, start_response: StartResponse) -> Answer:
        start_response("200 OK", [])
        return response

    return in_one_piece(application)({}, lambda *_: lambda _: None)


def test_what_is_in_memory_is_given_whole_and_closed() -> None:
    response = Answer(is_streaming=False)
    assert answered(response) == [b"one two"]
    assert response.closed


def test_streams_stay_open_and_are_the_servers() -> None:
    response = Answer(is_streaming=True)
    assert answered(response) is response
    assert not response.closed


def test_what_can_not_be_read_is_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    response = Answer(is_streaming=False)
    monkeypatch.delattr(Answer, "content")
    with pytest.raises(AttributeError):
        answered(response)
    assert response.closed
