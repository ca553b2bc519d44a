"""What the database, the disk and the broker say when somebody asks for the metrics."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from archive.statistics.backups import last_backup
from archive.statistics.broker import message_counts
from archive.statistics.queues import queue_states
from archive.statistics.selectors import arrivals, newest_sample
from archive.storage.stores import blob_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.core import Metric


class ArchiveCollector(Collector):
    """Figures of the whole archive; rows are counted up to some thousands."""

    def collect(self) -> Iterator[Metric]:
        """Yield each metric, and how long all of them took."""
        began = time.perf_counter()
        yield from _queues()
        yield from _broker()
        yield from _storage()
        yield from _arrivals()
        yield _database()
        took = time.perf_counter() - began
        yield _gauge("twinsight_collect_seconds", "Time that these figures took.", took)


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _queues() -> Iterator[Metric]:
    rows = GaugeMetricFamily(
        "twinsight_queue_rows",
        "Work by queue and state; stuck is held by a worker that is gone.",
        labels=["queue", "state"],
    )
    oldest = GaugeMetricFamily(
        "twinsight_queue_oldest_seconds", "How long the oldest work waits.", labels=["queue"]
    )
    now = timezone.now()
    for line in queue_states():
        name, state = line.queue.name, line.state
        for what in ("waiting", "running", "stuck", "failed"):
            rows.add_metric([name, what], getattr(state, what))
        age = (now - state.oldest).total_seconds() if state.oldest else 0.0
        oldest.add_metric([name], max(0.0, age))
    yield rows
    yield oldest


def _broker() -> Iterator[Metric]:
    counts = message_counts()
    yield _gauge("twinsight_broker_up", "Whether the message broker answers.", counts is not None)
    messages = GaugeMetricFamily(
        "twinsight_broker_messages", "Messages that wait at the broker.", labels=["queue"]
    )
    for name, number in (counts or {}).items():
        messages.add_metric([name], number)
    yield messages


def _storage() -> Iterator[Metric]:
    free = blob_store().free_bytes()
    yield _gauge("twinsight_storage_free_bytes", "Free where images are kept.", free)
    reserve = settings.TWINSIGHT_STORAGE_RESERVE_BYTES
    yield _gauge("twinsight_storage_reserve_bytes", "Below it, stores are refused.", reserve)
    sample = newest_sample()
    if sample is not None:
        total, size = sample.total_bytes, sample.database_bytes
        yield _gauge("twinsight_storage_total_bytes", "All of that disk.", total)
        yield _gauge("twinsight_database_bytes", "What the database takes.", size)
    backup = last_backup()
    if backup is not None:
        moment = backup.made_at.timestamp()
        yield _gauge("twinsight_last_backup_timestamp_seconds", "What the last one holds.", moment)


def _arrivals() -> Iterator[Metric]:
    found = arrivals()
    for name, words in (
        ("studies", "Studies held, as counted within the last minutes."),
        ("instances", "Images held, as counted within the last minutes."),
        ("stored_bytes", "Bytes of images held, as counted within the last minutes."),
    ):
        yield _gauge(f"twinsight_archive_{name}", words, found[name])
    # The key of the newest row: it grows by one an image, and never falls.
    rows = CounterMetricFamily("twinsight_ingested_instances", "Images taken in, ever.")
    rows.add_metric([], found["newest"])
    yield rows
    waits = "Files refused that wait for somebody."
    yield _gauge("twinsight_quarantined_files", waits, found["quarantined"])
    bad = GaugeMetricFamily(
        "twinsight_blob_problems", "Files found missing or damaged.", labels=["state"]
    )
    for state in ("missing", "damaged"):
        bad.add_metric([state], found[state])
    yield bad


def _database() -> GaugeMetricFamily:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        (number,) = cursor.fetchone()
    return _gauge("twinsight_database_connections", "Connections to the database.", number)
