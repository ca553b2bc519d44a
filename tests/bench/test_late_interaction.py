"""The measurement of late interaction counts what it says it counts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.late_interaction import (
    BAG,
    BAG_WITH_FEW,
    FINDINGS,
    HEALTHY,
    TUMOURS,
    Volume,
    bags_of_one_class,
    bags_with_few,
    by_blend,
    by_late_interaction,
    by_mean_vectors,
    embedded_images,
    interval,
    measure,
    phantom_visits,
    table_rows,
)

if TYPE_CHECKING:
    from pathlib import Path


def circle(*angles):
    return np.array([[np.cos(angle), np.sin(angle)] for angle in angles], dtype=np.float32)


def images(label, count):
    return [Volume(circle(0.01 * k), label, f"{label} {k}") for k in range(count)]


def test_everyone_is_drawn_once_with_one_finding():
    visits = list(phantom_visits(2))
    assert len(visits) == 2 * sum(len(findings) for findings in FINDINGS.values())
    assert len({visit.person.key for visit in visits}) == len(visits)
    assert all(visit.amount > 0 or visit.finding == "no finding" for visit in visits)


def test_measure_counts_relevance_of_others_alone():
    volumes = [
        Volume(circle(0.0), "a", "1"),
        Volume(circle(0.0), "b", "1"),
        Volume(circle(0.1), "a", "2"),
        Volume(circle(0.2), "b", "3"),
    ]
    figures = measure(volumes, by_mean_vectors)

    # The first query: its owner's other is left out; the nearest of the rest is relevant.
    assert figures[0].tolist() == [1.0, 0.5, 1.0]
    # The second: the relevant one comes second.
    assert figures[1, 0] == 0.0
    assert figures[1, 2] == 0.5


def test_reranking_puts_the_same_slices_first():
    volumes = [
        Volume(circle(-0.8, 0.0, 0.8), "a", "1"),
        Volume(circle(0.0, 0.0, 0.0), "b", "2"),
        Volume(circle(-0.8, 0.1, 0.8), "a", "3"),
    ]
    assert measure(volumes, by_mean_vectors)[0, 0] == 0.0
    for scoring in (by_late_interaction, by_blend):
        assert measure(volumes, scoring)[0, 0] == 1.0


def test_bags_of_one_class_keep_an_owner_together():
    shown = [*images("a", 9), Volume(circle(0.5), "a", "a 0")]
    bags = bags_of_one_class(shown, seed=1)
    assert all(len(bag.vectors) >= BAG for bag in bags)
    together = [bag for bag in bags if any(np.allclose(row, circle(0.5)) for row in bag.vectors)]
    assert all(any(np.allclose(row, circle(0.0)) for row in bag.vectors) for bag in together)


def test_bags_with_few_hold_each_tumour_once():
    shown = [image for label in (HEALTHY, *TUMOURS) for image in images(label, 12)]
    bags = bags_with_few(shown, 2, seed=0)
    assert len(bags) == 3 * 6
    assert all(len(bag.vectors) == BAG_WITH_FEW for bag in bags)
    assert {bag.label for bag in bags} == set(TUMOURS)


def test_table_names_every_way_of_scoring():
    volumes = [Volume(circle(0.1 * k), "ab"[k % 2], str(k)) for k in range(6)]
    rows = table_rows("circles", [volumes, volumes])
    assert len(rows) == 4
    assert all(row.startswith("| circles | 6 |") for row in rows)
    assert "+0.0000 [+0.0000, +0.0000]" in rows[0]


def test_interval_holds_the_mean():
    values = np.random.default_rng(0).standard_normal(200) + 1
    low, high = interval(values, rounds=200)
    assert low < values.mean() < high


@pytest.mark.slow
def test_labelled_images_are_volumes_of_one_slice(shared_data: Path, embedder, monkeypatch):
    from bench import late_interaction as module

    first = module.read_labelled_images(shared_data / "retrieval")[:3]
    monkeypatch.setattr(module, "read_labelled_images", lambda _: first)
    volumes = embedded_images(shared_data / "retrieval", embedder)
    assert [volume.vectors.shape for volume in volumes] == [(1, 384)] * 3
