"""Answers that are in memory are given to the server whole.

granian takes a list as one body. What it has to iterate goes piece by piece through a channel
between two of its threads, which costs a small answer as much again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment


def in_one_piece(application: WSGIApplication) -> WSGIApplication:
    """Return Django's application, its answers a list where they are not streamed.

    Such an answer is closed before it is sent: nothing of it is left to be read.
    """

    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = application(environ, start_response)
        if getattr(response, "streaming", True):
            return response
        try:
            return [response.content]  # type: ignore[attr-defined]
        finally:
            response.close()  # type: ignore[attr-defined]

    return answer
