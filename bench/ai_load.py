"""The load on the AI: embedding through the whole product and bare, similar-case search."""

import json
import time
from urllib.parse import quote

import numpy as np

from bench.clients import Measured, Request, Target, load
from bench.material import Identity
from inference.pipelines.embedding import OnnxEmbedder, preprocess

PATIENCE_S, SETTLE_S = 180, 120
POST_JSON = {"Content-Type": "application/json", "Accept": "application/json"}


def wait_until_embedded(target: Target, studies: list[str]) -> tuple[int, float]:
    """How many instances have a vector when all have (or patience ends), and after how long."""
    start = time.perf_counter()
    waiting, done = list(dict.fromkeys(studies)), 0
    while waiting and time.perf_counter() - start < PATIENCE_S:
        status = _status(target, waiting[0])
        if status.get("instances") and status.get("embedded", 0) >= status["instances"]:
            done += int(status["embedded"])
            waiting.pop(0)
            continue
        time.sleep(0.1)
    return done, time.perf_counter() - start


def settle(target: Target, studies: list[str]) -> None:
    """Let the AI finish with what was stored, so that the next case has the machine for itself."""
    deadline = time.perf_counter() + SETTLE_S
    waiting = list(dict.fromkeys(studies))
    while waiting and time.perf_counter() < deadline:
        if _status(target, waiting[0]).get("idle"):
            waiting.pop(0)
        else:
            time.sleep(0.5)


def _status(target: Target, study: str) -> dict[str, int]:
    path = f"/api/v1/studies/{quote(study)}/status"
    answer = target.ask(Request("GET", path, headers={"Accept": "application/json"}))
    if answer.status != 200:
        return {}
    status: dict[str, int] = json.loads(answer.body)
    return status


def search(target: Target, plan: list[Identity], count: int) -> Measured:
    """Ask for cases like stored series, one after another."""
    series = list(dict.fromkeys(identity.series for identity in plan))
    requests = []
    for number in range(count):
        question = {"series": series[number % len(series)], "k": 10, "patient": "any"}
        body = json.dumps(question).encode()
        requests.append(Request("POST", "/api/v1/similar", body, POST_JSON))
    return load(target, requests)


def bare_embedding(embedder: OnnxEmbedder, images: int, batch: int = 8) -> Measured:
    """Preprocessing and network alone, in this process."""
    shown = (np.arange(512 * 512) % 251).astype(np.uint8).reshape(512, 512)
    latencies = []
    start = time.perf_counter()
    for _ in range(max(1, images // batch)):
        begin = time.perf_counter()
        embedder.embed(np.stack([preprocess(shown) for _ in range(batch)]))
        latencies.append(time.perf_counter() - begin)
    return Measured(time.perf_counter() - start, tuple(latencies), units=batch)
