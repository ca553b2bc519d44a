"""Servers under measurement, and the same load for each of them."""

import http.client
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

TIMEOUT_S = 120


@dataclass(frozen=True)
class Request:
    """One HTTP request, its path relative to the root of the server."""

    method: str
    path: str
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


@dataclass(frozen=True)
class Dicom:
    """Where a server listens for DICOM associations."""

    host: str
    port: int
    ae_title: str


@dataclass(frozen=True)
class Target:
    """A server under measurement; ``dicom_web`` is the path of its DICOMweb root."""

    name: str
    url: str
    dicom_web: str = "/dicom-web"
    headers: dict[str, str] = field(default_factory=dict)
    dicom: Dicom | None = None
    has_ai: bool = False
    # Of its processes, whose children belong to it too.
    pids: tuple[int, ...] = ()

    def connect(self) -> http.client.HTTPConnection:
        """Open a connection that sends small requests at once."""
        parts = urlsplit(self.url)
        maker = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        connection = maker(parts.hostname or "127.0.0.1", parts.port, timeout=TIMEOUT_S)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def send(self, connection: http.client.HTTPConnection, request: Request) -> Answer:
        """Send one request and read the whole answer."""
        headers = {**self.headers, **request.headers}
        connection.request(request.method, request.path, request.body, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read())

    def ask(self, request: Request) -> Answer:
        """Send one request on a connection of its own."""
        connection = self.connect()
        try:
            return self.send(connection, request)
        finally:
            connection.close()


@dataclass(frozen=True)
class Measured:
    """Times of the requests (or other units of work) of one case."""

    seconds: float
    latencies_s: tuple[float, ...]
    errors: tuple[str, ...] = ()
    units: int = 1

    @property
    def rate(self) -> float:
        """Units of work a second, all connections together."""
        return len(self.latencies_s) * self.units / self.seconds if self.seconds else 0.0

    def percentile_ms(self, share: float) -> float:
        """Latency below which this share of the requests stayed."""
        if not self.latencies_s:
            return float("nan")
        ordered = sorted(self.latencies_s)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


def is_success(answer: Answer) -> bool:
    """Whether the status says that all went well."""
    return answer.status in {200, 204}


def load(
    target: Target,
    requests: Sequence[Request],
    *,
    connections: int = 1,
    is_ok: Callable[[Answer], bool] = is_success,
    units: int = 1,
) -> Measured:
    """Send the requests over so many connections at once and time each of them."""
    results = _Results()
    todo = _Shared(requests)
    start = time.perf_counter()
    threads = [
        threading.Thread(target=_work, args=(target, todo, results, is_ok), daemon=True)
        for _ in range(connections)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    return Measured(seconds, tuple(results.latencies), tuple(results.errors[:3]), units)


@dataclass
class _Results:
    latencies: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class _Shared:
    """An iterator that several threads may ask."""

    def __init__(self, items: Iterable[Request]) -> None:
        self._items = iter(items)
        self._lock = threading.Lock()

    def __iter__(self) -> Iterator[Request]:
        while True:
            with self._lock:
                item = next(self._items, None)
            if item is None:
                return
            yield item


def _work(
    target: Target, todo: _Shared, results: _Results, is_ok: Callable[[Answer], bool]
) -> None:
    connection = target.connect()
    for request in todo:
        start = time.perf_counter()
        try:
            answer = target.send(connection, request)
        except (OSError, http.client.HTTPException) as error:
            results.errors.append(repr(error)[:120])
            connection.close()
            connection = target.connect()
            continue
        results.latencies.append(time.perf_counter() - start)
        if not is_ok(answer):
            results.errors.append(f"{answer.status} {answer.body[:90]!r}")
    connection.close()
