from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client

from archive.models import ApiToken, Patient, Study
from tests.archive.fhir.asking import ROOT, Door, validated
from tests.archive.fhir.conftest import ANN, BEN
from tests.factories.archive import StudyFactory

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("studies")]
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def token(radiologist) -> Callable[..., Door]:
    """A program with a token of these scopes that the radiologist gave it."""
    import hashlib

    def make(*scopes: str, user=radiologist) -> Door:
        secret = f"tws_{'-'.join(scopes)}-{user.pk}"
        ApiToken.objects.create(
            user=user,
            digest=hashlib.sha256(secret.encode()).hexdigest(),
            hint=secret[:12],
            scopes=[one for one in scopes if "/" not in one],
            granted_scope=" ".join(scopes),
        )
        return Door(Client(enforce_csrf_checks=True), secret)

    return make


def test_what_can_be_asked_is_said_to_everybody() -> None:
    statement = Door(Client()).ask("metadata")

    rest = statement["rest"][0]
    kinds = {one["type"]: one for one in rest["resource"]}
    assert set(kinds) == {
        "AuditEvent",
        "DiagnosticReport",
        "Endpoint",
        "ImagingStudy",
        "Observation",
        "Patient",
    }
    study = kinds["ImagingStudy"]
    assert {one["name"] for one in study["searchParam"]} >= {
        "_id",
        "started",
        "patient",
        "modality",
    }
    assert "DiagnosticReport:study" in study["searchRevInclude"]
    assert "_has:Observation:derived-from" in study["documentation"]
    said = {one["name"]: one["documentation"] for one in study["searchParam"]}
    assert said["bodysite"].endswith("Modifiers: :missing, :not, :text.")
    assert rest["security"]["extension"][0]["extension"][0]["valueUri"].endswith("/oauth/token/")


def test_pages_go_on_where_they_ended_whatever_comes_meanwhile(door, project) -> None:
    uids = [StudyFactory(projects=[project]).study_instance_uid for _ in range(5)]
    seen: list[str] = []
    bundle = door.ask("ImagingStudy?_count=2&status=available")
    assert bundle["total"] == 7
    pages = 1
    while following := [one["url"] for one in bundle["link"] if one["relation"] == "next"]:
        seen += [one["resource"]["id"] for one in bundle["entry"]]
        StudyFactory(projects=[project])
        bundle = door.ask(following[0].removeprefix(f"http://testserver{ROOT}"))
        pages += 1
    seen += [one["resource"]["id"] for one in bundle["entry"]]
    assert (seen, pages) == ([*reversed(uids), BEN, ANN], 4)
    # In another order, too, where some have no date.
    seen, path = [], "ImagingStudy?_sort=-started&_count=3"
    while path:
        bundle = door.ask(path)
        seen += [one["resource"]["id"] for one in bundle["entry"]]
        links = {one["relation"]: one["url"] for one in bundle["link"]}
        path = links.get("next", "").removeprefix(f"http://testserver{ROOT}")
    assert seen[:2] == [BEN, ANN]
    assert len(seen) == len(set(seen)) == Study.objects.count()
    assert door.refusal("ImagingStudy?_sort=started&_after=999999999", 410) == "deleted"


def test_who_follows_changes_misses_none_that_come_while_they_page(door, project) -> None:
    """A row that changes behind a page's end moves on, and what it stood before still comes."""
    rows = [StudyFactory(projects=[project]) for _ in range(3)]
    first = door.ask("ImagingStudy?_sort=_lastUpdated&_count=3")
    last = first["entry"][-1]["resource"]["id"]
    links = {one["relation"]: one["url"] for one in first["link"]}

    Study.objects.get(study_instance_uid=last).save()

    following = links["next"].removeprefix(f"http://testserver{ROOT}")
    assert door.ids(following) == [*(one.study_instance_uid for one in rows[1:]), last]
    for wrong in ("1-x", "1-1", f"1-{'9' * 18}"):
        door.ask(f"Patient?_sort=family&_after={wrong}", 410 if wrong == "1-1" else 400)


def test_totals_summaries_and_elements(door) -> None:
    counted = door.ask("ImagingStudy?_summary=count")
    assert (counted["total"], "entry" in counted) == (2, False)
    assert door.ask("ImagingStudy?_count=0")["total"] == 2
    assert "total" not in door.ask("ImagingStudy?_total=none")
    assert door.ask("ImagingStudy?_total=accurate&_count=1")["total"] == 2
    cut = door.ask(f"ImagingStudy?_id={ANN}&_elements=description")["entry"][0]["resource"]
    assert {*cut} == {"resourceType", "id", "meta", "status", "subject", "description"}
    assert cut["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert "series" not in door.ask(f"ImagingStudy/{ANN}?_summary=text")
    series = door.ask(f"ImagingStudy/{ANN}?_summary=true")["series"]
    assert (series[0]["numberOfInstances"], "instance" in series[0]) == (2, False)


def test_a_version_is_what_its_content_is(door) -> None:
    path = f"{ROOT}ImagingStudy/{ANN}"
    first = door.client.get(path)
    tag = first["ETag"]
    version = first.json()["meta"]["versionId"]
    assert tag == f'W/"{version}"'
    assert door.client.get(path, headers={"If-None-Match": tag}).status_code == 304
    for header, tags, status in (
        ("If-None-Match", f'"other", {tag}', 304),
        ("If-None-Match", "*", 304),
        ("If-None-Match", '"other"', 200),
        ("If-Modified-Since", "Fri, 01 Jan 2100 00:00:00 GMT", 304),
        ("If-Modified-Since", first["Last-Modified"], 200),
        ("If-Modified-Since", "yesterday", 200),
    ):
        assert door.client.get(path, headers={header: tags}).status_code == status, tags
    assert door.ask(f"ImagingStudy/{ANN}/_history/{version}") == first.json()
    Study.objects.filter(study_instance_uid=ANN).update(study_description="Other")
    changed = door.client.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, changed["ETag"] != tag) == (200, True)
    assert door.refusal(f"ImagingStudy/{ANN}/_history/{version}", 404) == "not-found"


def test_unknown_parameters_are_passed_over_unless_strictness_is_wanted(door) -> None:
    bundle = door.ask("ImagingStudy?nonsense=1&modality=MR")
    remark = bundle["entry"][-1]
    assert (remark["search"]["mode"], remark["resource"]["resourceType"]) == (
        "outcome",
        "OperationOutcome",
    )
    assert bundle["link"][0]["url"].endswith("ImagingStudy?modality=MR")
    strict = {"Prefer": "handling=strict"}
    assert door.refusal("ImagingStudy?nonsense=1", 400, headers=strict) == "not-supported"


def test_what_can_not_be_is_refused_by_name(door) -> None:
    refused = {
        "ImagingStudy?started=near2024": "invalid",
        "ImagingStudy?started=2024-13": "invalid",
        "ImagingStudy?started=9999": "invalid",
        "ImagingStudy?started=": "invalid",
        "ImagingStudy?started=%00": "invalid",
        "ImagingStudy?modality:above=CT": "not-supported",
        "ImagingStudy?modality:not_at_all=CT": "not-supported",
        "ImagingStudy?_count:exact=1": "not-supported",
        "DiagnosticReport?_include:iterate=ImagingStudy:patient": "not-supported",
        "ImagingStudy?_sort=started,_lastUpdated,started,-_id": "invalid",
        "Patient?_has:ImagingStudy:patient=1": "not-supported",
        "Patient?_has:ImagingStudy:basedon:modality=CT": "not-supported",
        "Patient?_has:AuditEvent:patient:action=R": "not-supported",
        "Patient?_has:ImagingStudy:patient:nonsense=CT": "not-supported",
        "Patient?_has:ImagingStudy:patient:modality:above=CT": "not-supported",
        "Endpoint?_has:ImagingStudy:endpoint:modality=CT": "not-supported",
        f"ImagingStudy?{'_has:DiagnosticReport:study:' * 3}status=final": "not-supported",
        "ImagingStudy?modality=a|b|c": "invalid",
        "ImagingStudy?identifier:of-type=a|b": "invalid",
        "ImagingStudy?patient=Observation/1": "invalid",
        "ImagingStudy?patient.nonsense=1": "not-supported",
        "ImagingStudy?patient.link.name=1": "not-supported",
        "ImagingStudy?basedon=ServiceRequest/1": "invalid",
        "ImagingStudy?endpoint.name=x": "not-supported",
        "ImagingStudy?endpoint:identifier=x": "not-supported",
        "ImagingStudy?_count=-1": "invalid",
        "ImagingStudy?_count=many": "invalid",
        "ImagingStudy?_sort=modality": "invalid",
        "ImagingStudy?_total=exact": "invalid",
        "ImagingStudy?_summary=all": "invalid",
        "ImagingStudy?_include=ImagingStudy:modality": "invalid",
        "ImagingStudy?_include=*": "invalid",
        "ImagingStudy?_revinclude=Patient:name": "invalid",
        "ImagingStudy?_after=x": "invalid",
        "Patient?birthdate=2024-01-01T10:00": "invalid",
        "Patient?name:text=x": "not-supported",
        "Patient?birthdate:missing=perhaps": "invalid",
        "Observation?value-quantity=much": "invalid",
        "Patient?name=" + "x" * 9000: "invalid",
        "Patient?identifier=" + ",".join("x" * 201): "invalid",
        "Patient?" + "&".join(["name=x"] * 61): "invalid",
    }
    for query, code in refused.items():
        assert door.refusal(query, 400) == code, query
    assert door.refusal("Medication", 404) == "not-found"
    assert door.refusal("Patient/no_key", 404) == "not-found"
    assert door.refusal("Patient/1/2/3", 404) == "not-found"
    assert door.refusal("Patient/$everything", 404) == "not-found"
    assert door.refusal("", 405) == "not-supported"
    for method in ("post", "put", "patch", "delete"):
        more = {"content_type": "application/fhir+json", "data": "{}"}
        assert door.refusal("Patient/1", 405, method=method, **more) == "not-supported"
    assert door.refusal("Patient", 405, method="delete") == "not-supported"


def test_json_alone_is_given(door) -> None:
    for accepted in ("application/fhir+json; fhirVersion=4.0", "text/html, */*;q=0.1"):
        door.ask("Patient", headers={"Accept": accepted})
    for refused in ("application/fhir+xml", "application/fhir+json;fhirVersion=5.0", "text/html"):
        assert door.refusal("Patient", 406, headers={"Accept": refused}) == "not-supported"
    for asked in ("json", "application/fhir%2Bjson", "application/fhir+json"):
        door.ask(f"Patient?_format={asked}")
    assert door.refusal("Patient?_format=xml", 406) == "not-supported"
    assert door.client.get(f"{ROOT}Patient?_pretty=true").content.startswith(b"{\n  ")


def test_a_search_by_form_stands_in_no_address(door, token) -> None:
    program = token("read")
    found = program.ask(
        "ImagingStudy/_search?modality=CT",
        method="post",
        data="patient.identifier=A-1",
        content_type=FORM,
    )
    assert [one["resource"]["id"] for one in found["entry"]] == [ANN]
    body = {"method": "post", "data": "{}", "content_type": "application/json"}
    assert program.refusal("ImagingStudy/_search", 415, **body) == "not-supported"
    strange = Client(enforce_csrf_checks=True)
    strange.cookies = door.client.cookies
    assert (
        Door(strange).refusal(
            "Patient/_search", 403, method="post", data="name=x", content_type=FORM
        )
        == "forbidden"
    )


def test_strangers_and_bad_tokens_are_refused_in_fhirs_words() -> None:
    assert Door(Client()).refusal("Patient", 401) == "login"
    response = Client().get(f"{ROOT}Patient")
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert validated(response.json())["issue"][0]["diagnostics"].startswith("Sign in")
    assert Door(Client(), "tws_wrong").refusal("Patient", 401) == "login"


def test_t33_search_scope_of_smart_for_each_kind_and_act(token) -> None:
    """T33 and SMART: a token reads what its scopes name, and nothing comes along beyond them."""
    patient = Patient.objects.get(dicom_patient_id="A-1").pk
    reading, both = token("system/ImagingStudy.r"), token("system/ImagingStudy.rs")
    everything = token("system/*.rs")

    reading.ask(f"ImagingStudy/{ANN}")
    assert reading.refusal("ImagingStudy", 403) == "forbidden"
    assert both.refusal(f"Patient/{patient}", 403) == "forbidden"
    assert both.refusal(f"Patient/{patient}/ImagingStudy", 403) == "forbidden"
    bundle = both.ask(
        "ImagingStudy?_include=ImagingStudy:patient&_revinclude=Observation:derived-from"
    )
    modes = [one["search"]["mode"] for one in bundle["entry"]]
    assert modes == ["match", "match", "outcome"]
    assert len(bundle["entry"][-1]["resource"]["issue"]) == 2
    assert len(everything.ask("ImagingStudy?_include=ImagingStudy:patient")["entry"]) == 4
    assert token("write").refusal("Patient", 403) == "forbidden"


def test_t31_t33_others_are_not_there(door, outsider, archive_admin) -> None:
    """T31 and T33: by id, by search, chained, included, counted: as if there were nothing."""
    client = Client()
    client.force_login(outsider)
    outside = Door(client)
    patient = Patient.objects.get(dicom_patient_id="A-1").pk

    for kind, key, absent in (("Patient", patient, 999999999), ("ImagingStudy", ANN, "1.2.3")):
        assert outside.ask(f"{kind}/{key}", 404) == outside.ask(f"{kind}/{absent}", 404)
    for query in (
        "Patient",
        "Patient?identifier=A-1",
        f"Patient?_id={patient}&_revinclude=ImagingStudy:patient",
        "ImagingStudy?patient.name=mull",
        f"ImagingStudy?_id={ANN}&_include=ImagingStudy:patient",
        f"ImagingStudy?identifier=urn:oid:{ANN}&_total=accurate",
        "ImagingStudy?_summary=count",
        f"DiagnosticReport?study={ANN}",
        f"Observation?patient={patient}",
    ):
        bundle = outside.ask(query)
        assert (bundle["total"], bundle.get("entry", [])) == (0, []), query
    assert outside.refusal(f"Patient/{patient}/ImagingStudy", 404) == "not-found"
    Study.objects.get(study_instance_uid=ANN).projects.clear()
    assert door.ids("ImagingStudy") == [BEN]
    assert door.refusal(f"Patient/{patient}", 404) == "not-found"
