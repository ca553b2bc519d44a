"""Which instances a rule means, and when it lets them go."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pytest

from archive.forwarding.matching import instances_matching, next_opening
from archive.models import ForwardingRule, Instance, Peer
from tests.builders.datasets import make_dataset
from tests.builders.stored import store_datasets


@pytest.fixture
def stored(project, other_project) -> dict[str, Instance]:
    study = {"StudyInstanceUID": "1.2.3.1", "StudyDescription": "CT Thorax (low dose)"}
    ct, sr = store_datasets(
        make_dataset(Modality="CT", **study),
        make_dataset(Modality="SR", SOPClassUID="1.2.840.10008.5.1.4.1.1.88.33", **study),
        project=project,
    )
    (mr,) = store_datasets(
        make_dataset(Modality="MR", StudyDescription="Brain", PatientID="OTHER"),
        project=other_project,
    )
    return {"ct": ct, "sr": sr, "mr": mr}


def meant(stored: dict[str, Instance], **says: object) -> set[str]:
    rule = ForwardingRule(name="R", peer=Peer(), **says)
    keys = set(instances_matching(rule).values_list("pk", flat=True))
    return {name for name, instance in stored.items() if instance.pk in keys}


def test_empty_rule_means_everything(stored) -> None:
    assert meant(stored) == {"ct", "sr", "mr"}


def test_images_alone_leave_out_what_is_said_about_them(stored) -> None:
    assert meant(stored, includes_results=False) == {"ct", "mr"}


def test_results_go_with_the_modality_of_their_study(stored) -> None:
    assert meant(stored, modalities=["CT"]) == {"ct", "sr"}
    assert meant(stored, modalities=["CT"], includes_results=False) == {"ct"}
    assert meant(stored, modalities=["SR"], includes_results=False) == {"sr"}
    assert meant(stored, modalities=["MR"]) == {"mr"}


def test_project_narrows(stored, project) -> None:
    assert meant(stored, project=project) == {"ct", "sr"}


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("ct thorax*", {"ct", "sr"}),
        ("*(low dose)", {"ct", "sr"}),
        ("CT Thora? *", {"ct", "sr"}),
        ("Thorax", set()),
        (".*", set()),
        ("*", {"ct", "sr", "mr"}),
        ("brain", {"mr"}),
    ],
)
def test_patterns_match_whole_values_without_regard_to_case(stored, pattern, names) -> None:
    assert meant(stored, conditions={"StudyDescription": pattern}) == names


def test_all_conditions_hold_together(stored) -> None:
    conditions = {"StudyDescription": "*", "PatientID": "OTHER"}
    assert meant(stored, conditions=conditions) == {"mr"}


@pytest.mark.parametrize("withheld", ["rejected", "superseded", "trial", "deleted"])
def test_withheld_series_never_leave(stored, withheld) -> None:
    series = stored["ct"].series
    type(series).objects.filter(pk=series.pk).update(withheld=withheld)
    assert meant(stored) == {"sr", "mr"}


@pytest.mark.parametrize(
    ("hours", "now", "opens"),
    [
        ((None, None), (12, 0), (22, 12, 0)),
        ((time(20), time(23)), (21, 0), (22, 21, 0)),
        ((time(20), time(23)), (12, 0), (22, 20, 0)),
        ((time(20), time(23)), (23, 30), (23, 20, 0)),
        ((time(22), time(6)), (3, 0), (22, 3, 0)),
        ((time(22), time(6)), (12, 0), (22, 22, 0)),
        ((time(22), time(6)), (23, 59), (22, 23, 59)),
    ],
)
def test_hours_open_when_they_say(hours, now, opens) -> None:
    rule = ForwardingRule(from_time=hours[0], until_time=hours[1])
    moment = datetime(2026, 11, 22, *now, tzinfo=UTC)

    assert next_opening(rule, moment) == datetime(2026, 11, *opens, tzinfo=UTC)
