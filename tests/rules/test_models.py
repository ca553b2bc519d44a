"""Fields carry DICOM's keywords, foreign keys their related name, constraints their own name."""

import re

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models
from django.db.migrations import RunSQL
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.loader import MigrationLoader
from pydicom.datadict import DicomDictionary

KEYWORDS = {entry[4] for entry in DicomDictionary.values()}
OWN_MODELS = [
    model for label in ("archive", "inference") for model in apps.get_app_config(label).get_models()
]
DICOM_MODELS = ["Patient", "Study", "Series", "Instance"]
# What the archive itself knows of a patient, study, series or instance.
OWN_FIELDS = {
    "id", "patient", "study", "series", "blob", "projects", "conflict_of", "created_at",
    "updated_at", "body_parts", "is_deidentified", "has_pixel_data", "dataset_sha256",
    "cleaned_keywords", "request_attributes", "withheld", "stored_bytes", "removal", "coerced",
    "is_research_refused", "corrected", "legal_hold_reason", "merged_into",
    "corrected_at",
}  # fmt: skip
RENAMED = {"dicom_patient_id": "PatientID", "dicom_study_id": "StudyID"}


def _snake(keyword: str) -> str:
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", keyword)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", spaced).lower()


SNAKE_KEYWORDS = {_snake(keyword) for keyword in KEYWORDS} | {"timezone_offset_from_utc"}


@pytest.mark.parametrize("name", DICOM_MODELS)
def test_fields_that_hold_an_attribute_are_its_keyword(name: str) -> None:
    for field in apps.get_model("archive", name)._meta.get_fields():
        if not field.concrete or field.name in OWN_FIELDS | set(RENAMED):
            continue
        stem = field.name.removesuffix("_search")
        assert stem in SNAKE_KEYWORDS, f"{name}.{field.name} is no DICOM keyword"


@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_foreign_keys_name_their_way_back(model: type[models.Model]) -> None:
    for field in model._meta.get_fields():
        if isinstance(field, models.ForeignKey | models.ManyToManyField):
            related = field.remote_field.related_name
            assert related, f"{model.__name__}.{field.name} has no related_name"


@pytest.mark.parametrize("model", OWN_MODELS, ids=lambda model: model.__name__)
def test_indexes_have_names_of_their_own(model: type[models.Model]) -> None:
    for index in model._meta.indexes:
        assert not re.search(r"_[0-9a-f]{6}_idx$", index.name or ""), index.name


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_one_step_leaves_what_the_steps_it_replaces_left() -> None:
    short, long = (MigrationLoader(None, replace_migrations=way) for way in (True, False))
    states = [loader.project_state(short.graph.leaf_nodes()) for loader in (short, long)]
    assert all(("archive", "study") in state.models for state in states)
    for one, other in (states, reversed(states)):
        assert MigrationAutodetector(one, other).changes(short.graph) == {}


@pytest.mark.parametrize("label", ["archive", "inference"])
def test_one_step_says_what_was_written_by_hand(label: str) -> None:
    migrations = MigrationLoader(None, replace_migrations=False).disk_migrations
    (whole,) = [one for key, one in migrations.items() if key[0] == label and one.replaces]
    said = {one.sql for one in whole.operations if isinstance(one, RunSQL)}
    former = {
        one.sql
        for key in whole.replaces
        for one in migrations[key].operations
        if isinstance(one, RunSQL) and not one.sql.strip().startswith("UPDATE")
    }
    assert former
    assert said == former
