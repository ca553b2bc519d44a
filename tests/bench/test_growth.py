import pytest
from django.db import connection

from archive.models import Instance, Patient, Series, Study
from bench.archive_rows import grow
from bench.clients import Measured
from bench.growth import arguments, slowdowns
from bench.report import Case


@pytest.mark.django_db
def test_rows_are_whole_studies_of_one_project_and_grow(project) -> None:
    with connection.cursor() as cursor:
        grow(cursor, project.pk, first=0, last=160)
        grow(cursor, project.pk, first=160, last=400)

    counts = [model.objects.count() for model in (Patient, Study, Series, Instance)]
    assert counts == [5, 10, 40, 400]
    assert project.studies.count() == 10
    assert Study.objects.filter(series__instances__isnull=True).count() == 0


def test_slowdowns_compare_the_slowest_of_searches_and_the_rates_of_stores() -> None:
    search, store = Case("search", "requests", by_rate=False), Case("store", "instances", True)
    for case in (search, store):
        case.add("small", Measured(1.0, (0.01,)))
        case.add("large", Measured(2.0, (0.03,)))

    lines = slowdowns([search, store], "small", "large").splitlines()

    assert lines[2].startswith("| search | 3.00")
    assert lines[3].startswith("| store | 2.00")


def test_sizes_are_of_whole_patients() -> None:
    assert arguments([]).large == 1_000_000
    with pytest.raises(SystemExit):
        arguments(["--small", "1001"])
