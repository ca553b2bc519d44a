import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench import ai_load
from bench.clients import Target
from bench.material import identities
from inference.pipelines.embedding import OnnxEmbedder


class Slow(BaseHTTPRequestHandler):
    """A study is embedded and idle when it has been asked about three times."""

    protocol_version = "HTTP/1.1"
    asked: dict[str, int] = {}
    questions: list[dict[str, object]] = []

    def do_GET(self) -> None:
        times = self.asked[self.path] = self.asked.get(self.path, 0) + 1
        self._answer({"instances": 4, "embedded": 4 if times > 2 else 1, "idle": times > 2})

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.questions.append(json.loads(self.rfile.read(length)))
        self._answer({"results": []})

    def _answer(self, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Target]:
    Slow.asked, Slow.questions = {}, []
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Slow)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield Target("test", f"http://127.0.0.1:{httpd.server_port}")
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_waiting_ends_when_every_instance_has_a_vector(server: Target) -> None:
    done, seconds = ai_load.wait_until_embedded(server, ["1.2", "1.3", "1.2"])
    assert done == 8
    assert seconds < 10
    assert set(Slow.asked.values()) == {3}


def test_settling_ends_when_nothing_is_queued(server: Target) -> None:
    ai_load.settle(server, ["1.4"])
    assert list(Slow.asked.values()) == [3]


def test_similar_questions_go_round_the_stored_series(server: Target) -> None:
    plan = identities("ai", 4, 2)
    measured = ai_load.search(server, plan, 3)
    assert measured.errors == ()
    series = [question["series"] for question in Slow.questions]
    assert series == [plan[0].series, plan[2].series, plan[0].series]


def test_the_bare_embedding_counts_images(embedder: OnnxEmbedder) -> None:
    measured = ai_load.bare_embedding(embedder, 8, batch=4)
    assert len(measured.latencies_s) == 2
    assert measured.rate > 1
