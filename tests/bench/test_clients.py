import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from bench.clients import Measured, Request, Target, load


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        status = 500 if self.path == "/broken" else 200
        body = self.headers.get("Authorization", "").encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Target]:
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    httpd.daemon_threads = True
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    yield Target(
        "test", f"http://127.0.0.1:{httpd.server_port}", headers={"Authorization": "Bearer x"}
    )
    httpd.shutdown()
    thread.join()
    httpd.server_close()


def test_every_request_is_sent_once_with_the_headers_of_the_server(server: Target) -> None:
    measured = load(server, [Request("GET", "/")] * 9, connections=3)
    assert len(measured.latencies_s) == 9
    assert measured.errors == ()
    assert measured.rate > 0
    assert server.ask(Request("GET", "/")).body == b"Bearer x"


def test_refusals_are_counted_and_shown(server: Target) -> None:
    measured = load(server, [Request("GET", "/"), Request("GET", "/broken")])
    assert len(measured.errors) == 1
    assert measured.errors[0].startswith("500")


def test_percentiles_and_rate() -> None:
    measured = Measured(2.0, tuple(i / 1000 for i in range(1, 101)), units=20)
    assert measured.rate == 1000
    assert measured.percentile_ms(0.5) == 51
    assert measured.percentile_ms(0.95) == 96
    assert measured.percentile_ms(1) == 100


def test_nothing_measured_is_not_a_number() -> None:
    nothing = Measured(0, ())
    assert nothing.rate == 0
    assert nothing.percentile_ms(0.5) != nothing.percentile_ms(0.5)
