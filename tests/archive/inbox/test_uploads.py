"""An upload from its first byte to its report, through REST and the worker's own function."""

from __future__ import annotations

import io
import zipfile

import pytest
from django.test import Client

from archive.inbox import spool, working
from archive.inbox.claiming import claim
from archive.inbox.looking import recognise_some, unpack_one
from archive.inbox.recognising import kind_of
from archive.inbox.sweeping import sweep_inbox
from archive.inbox.working import work_on
from archive.ingest.archives import ArchiveLimits
from archive.models import AuditEvent, Instance, Quarantine, Study, UploadBatch, UploadFile
from archive.models.memberships import forget_memberships
from archive.storage.stores import blob_store
from tests.builders import bad_input
from tests.builders.datasets import as_part10, make_dataset

pytestmark = pytest.mark.django_db
URL = "/api/v1/upload-batches"
PIECE = "application/offset+octet-stream"
BROKEN = b"no DICOM at all, " * 20


@pytest.fixture(autouse=True)
def inbox(settings, tmp_path):
    """No test sees files that another one left."""
    settings.TWINSIGHT_INBOX_DIR = tmp_path / "inbox"


@pytest.fixture
def client(radiologist):
    client = Client()
    client.force_login(radiologist)
    return client


@pytest.fixture
def slow(monkeypatch):
    """The web does nothing by itself: everything is left to the worker."""
    monkeypatch.setattr("archive.inbox.preview._BRIEFLY_S", -1)


def _begin(client, *files, **values):
    batch = client.post(URL, values, "application/json").json()
    named = [{"name": name, "size": len(content)} for name, content in files]
    rows = client.post(f"{URL}/{batch['id']}/files", {"files": named}, "application/json")
    assert rows.status_code == 200, rows.content
    return batch["id"], rows.json()["results"]


def _send(client, batch, row, content, offset=0):
    return client.patch(
        f"{URL}/{batch}/files/{row['id']}",
        content,
        content_type=PIECE,
        headers={"Upload-Offset": str(offset)},
    )


def _submit(client, batch, **values):
    response = client.post(f"{URL}/{batch}/submit", values, "application/json")
    assert response.status_code == 202, response.content
    return response.json()


def _sent(client, *files, **values):
    """Name and send files; return the upload's key."""
    batch, rows = _begin(client, *files, **values)
    for row, (_, content) in zip(rows, files, strict=True):
        if row["state"] == "receiving":
            assert _send(client, batch, row, content).status_code == 204
    return batch


def _finish(batch):
    for _ in range(50):
        if not work_on(batch, for_s=600):
            return UploadBatch.objects.get(pk=batch)
    raise AssertionError("the upload never ends")


def test_a_file_goes_on_where_it_stopped_and_is_stored_byte_for_byte(client):
    content = as_part10(make_dataset())
    batch, (row,) = _begin(client, ("scan/1.dcm", content))
    half = len(content) // 2

    first = _send(client, batch, row, content[:half])
    wrong = _send(client, batch, row, content[half + 5 :], half + 5)
    asked = client.head(f"{URL}/{batch}/files/{row['id']}")
    # The same file named again, after a reload: it is known.
    named = {"files": [{"name": "scan/1.dcm", "size": len(content)}]}
    answer = client.post(f"{URL}/{batch}/files", named, "application/json")
    (again,) = answer.json()["results"]
    early = client.post(f"{URL}/{batch}/submit", {}, "application/json")
    rest = _send(client, batch, row, content[half:], half)
    done = _submit(client, batch)

    assert (first.status_code, first["Upload-Offset"]) == (204, str(half))
    assert (wrong.status_code, wrong["Upload-Offset"]) == (409, str(half))
    assert (asked["Upload-Offset"], asked["Upload-Length"]) == (str(half), str(len(content)))
    assert (again["id"], again["received"]) == (row["id"], half)
    assert (early.status_code, early.json()["code"]) == (409, "upload-incomplete")
    assert rest.status_code == 204
    assert (done["state"], done["by_state"]) == ("done", {"stored": 1})
    stored = Instance.objects.select_related("blob").get()
    assert blob_store().path(stored.blob.sha256).read_bytes() == content
    assert list(spool.names_here()) == []
    acts = list(AuditEvent.objects.order_by("pk").values_list("act", flat=True))
    assert acts == ["open-upload", "submit-upload", "store", "upload-stored"]


def test_many_small_files_come_in_one_body_and_a_break_keeps_the_whole_ones(client):
    contents = [as_part10(make_dataset(InstanceNumber=number)) for number in range(3)]
    batch, rows = _begin(client, *((f"{n}.dcm", one) for n, one in enumerate(contents)))
    ids = ",".join(str(row["id"]) for row in rows)
    url = f"{URL}/{batch}/whole?files={ids}"

    cut = client.post(url, b"".join(contents)[:-10], content_type=PIECE)
    states = [one["state"] for one in cut.json()["results"]]
    left = [row for row, state in zip(rows, states, strict=True) if state != "received"]
    url = f"{URL}/{batch}/whole?files={left[0]['id']}"
    rest = client.post(url, contents[2], content_type=PIECE)

    assert states == ["received", "received", "receiving"]
    assert rest.json()["results"][0]["state"] == "received"
    assert _submit(client, batch)["by_state"] == {"stored": 3}


def test_a_preview_says_what_storing_then_does(client, project, radiologist, other_project):
    known = make_dataset(PatientID="P1", PatientName="Known^Ada")
    _submit(client, _sent(client, ("known.dcm", as_part10(known))))
    other = make_dataset(
        PatientID="P1", PatientName="Known^Ada", SOPInstanceUID=known.SOPInstanceUID,
        StudyInstanceUID=known.StudyInstanceUID, StudyDescription="Another content",
    )  # fmt: skip
    stranger = make_dataset(
        PatientID="P2", PatientName="Else^Somebody", StudyInstanceUID=known.StudyInstanceUID
    )
    odd = make_dataset(PatientID="P1", PatientName="Other^Person", PatientSex="M")
    files = [
        ("known.dcm", as_part10(known)),
        ("other.dcm", as_part10(other)),
        ("stranger.dcm", as_part10(stranger)),
        ("odd.dcm", as_part10(odd)),
        ("new.dcm", as_part10(make_dataset(PatientID="P3"))),
        ("readme.txt", BROKEN),
        ("empty.dcm", b""),
        ("a/.DS_Store", b"x"),
    ]
    before = (Study.objects.count(), Instance.objects.count(), Quarantine.objects.count())

    batch = _sent(client, *files, preview=True)
    waiting = _submit(client, batch)
    preview = client.get(f"{URL}/{batch}/preview").json()
    rows = client.get(f"{URL}/{batch}/files?limit=100").json()["results"]

    assert waiting["state"] == "ready"
    assert before == (
        Study.objects.count(), Instance.objects.count(), Quarantine.objects.count()
    )  # fmt: skip
    outlook = {row["name"]: row["outlook"] for row in rows}
    assert outlook == {
        "known.dcm": "duplicate",
        "other.dcm": "quarantine",
        "stranger.dcm": "quarantine",
        "odd.dcm": "new",
        "new.dcm": "new",
        "readme.txt": "quarantine",
        "empty.dcm": "",
        "a/.DS_Store": "",
    }
    assert (preview["patients"], len(preview["studies"])) == (3, 3)
    by_uid = {study["study_uid"]: study for study in preview["studies"]}
    assert by_uid[known.StudyInstanceUID]["known"] is True
    assert "kept apart" in by_uid[odd.StudyInstanceUID]["warning"]
    assert by_uid[odd.StudyInstanceUID]["patient_name"] == "Other^Person"
    assert sum(problem["files"] for problem in preview["problems"]) == 3

    stored = client.post(f"{URL}/{batch}/store", {}, "application/json").json()
    became = {
        row["name"]: row["state"]
        for row in client.get(f"{URL}/{batch}/files?limit=100").json()["results"]
    }
    assert stored["state"] == "done"
    expected = {"duplicate": "duplicate", "quarantine": "quarantined", "new": "stored"}
    assert became == {name: expected.get(one, "skipped") for name, one in outlook.items()}
    refused = UploadFile.objects.get(batch=batch, name="other.dcm")
    assert refused.quarantine.reason_code == "sop-instance-conflict"


def test_problems_may_be_left_out_and_an_upload_given_up(client, slow):
    files = [("good.dcm", as_part10(make_dataset())), ("bad.txt", BROKEN)]
    batch = _sent(client, *files, preview=True)
    _submit(client, batch)
    assert _finish(batch).state == "ready"
    client.post(f"{URL}/{batch}/store", {"leave_out_problems": True}, "application/json")
    assert _finish(batch).state == "done"
    assert not Quarantine.objects.exists()

    second = _sent(client, *files)
    assert client.delete(f"{URL}/{second}").status_code == 204
    assert client.delete(f"{URL}/{second}").status_code == 409
    assert list(spool.names_here()) == []
    assert Instance.objects.count() == 1


def _medium(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def test_a_zip_is_unpacked_in_steps_and_a_dead_worker_costs_nothing(client, slow, monkeypatch):
    members = [(f"s/{n}.dcm", as_part10(make_dataset(InstanceNumber=n))) for n in range(5)]
    content = _medium(*members, ("../../etc/passwd", BROKEN), ("__MACOSX/x", b"x"))
    batch = _sent(client, ("study.zip", content))
    _submit(client, batch)

    # No time left after each member: a step each.
    steps = 0
    while UploadBatch.objects.get(pk=batch).state != "done":
        work_on(batch, for_s=-1)
        steps += 1
        if steps == 3:  # a worker that dies now
            assert claim(batch) is not None
            assert claim(batch) is None, "somebody has it"
            UploadBatch.objects.filter(pk=batch).update(lease_until="2020-01-01T00:00Z")
        assert steps < 60

    counts = client.get(f"{URL}/{batch}").json()["by_state"]
    assert counts == {"stored": 5, "quarantined": 1}
    assert Instance.objects.count() == 5
    assert UploadFile.objects.filter(state="unpacked").count() == 1
    assert list(spool.names_here()) == []


def test_hostile_archives_are_refused_member_by_member(client):
    files = [
        ("slip.zip", bad_input.slipping_zip(bad_input.good_file())),
        ("link.zip", bad_input.zip_with_link()),
        ("locked.zip", bad_input.encrypted_zip()),
        ("overlap.zip", bad_input.overlapping_zip()),
        ("cut.zip", bad_input.truncated_zip()),
    ]
    batch = _sent(client, *files)
    _submit(client, batch)
    assert _finish(batch).state == "done"

    rows = UploadFile.objects.filter(batch=batch).exclude(state="unpacked")
    states = {}
    for name, state in rows.values_list("name", "state"):
        states.setdefault(name.split("/")[0], set()).add(state)
    assert "stored" in states["slip.zip"], "names are shown, and never used"
    assert "refused" in states["link.zip"]
    assert states["locked.zip"] == {"refused"}
    assert states["overlap.zip"] == states["cut.zip"] == {"quarantined"}
    assert list(spool.names_here()) == []


def test_a_file_that_ends_every_worker_is_refused_and_the_others_go_on(client, slow):
    files = [(f"{n}.dcm", as_part10(make_dataset())) for n in range(3)]
    batch = _sent(client, *files)
    _submit(client, batch)
    for _ in range(3):
        claim(batch)
        UploadBatch.objects.filter(pk=batch).update(lease_until="2020-01-01T00:00Z")

    assert _finish(batch).state == "done"

    states = dict(UploadFile.objects.values_list("name", "state"))
    assert states == {"0.dcm": "refused", "1.dcm": "stored", "2.dcm": "stored"}


def test_what_the_archive_cannot_take_now_waits(client, slow, monkeypatch, settings):
    batch = _sent(client, ("1.dcm", as_part10(make_dataset())))
    _submit(client, batch)
    monkeypatch.setattr(blob_store(), "reserve_bytes", 2**62)
    assert work_on(batch, for_s=600) is False
    put_off = UploadBatch.objects.get(pk=batch)
    assert (put_off.state, put_off.attempts) == ("storing", 0)
    assert "nearly full" in put_off.error

    monkeypatch.setattr(blob_store(), "reserve_bytes", 0)
    UploadBatch.objects.filter(pk=batch).update(lease_until=None)
    assert _finish(batch).state == "done"

    settings.TWINSIGHT_STORAGE_RESERVE_BYTES = 2**62
    asked = {"files": [{"name": "2.dcm", "size": 10}]}
    fresh = client.post(URL, {}, "application/json").json()["id"]
    full = client.post(f"{URL}/{fresh}/files", asked, "application/json")
    assert full.status_code == 507


def test_t35_derived_scope_uploads_are_their_persons_own(
    client, outsider, archive_admin, colleague, project
):
    batch, (row,) = _begin(client, ("1.dcm", b"x" * 10))
    for person, sees in ((outsider, 404), (archive_admin, 200), (colleague, 404)):
        other = Client()
        other.force_login(person)
        assert other.get(f"{URL}/{batch}").status_code == sees
        assert other.head(f"{URL}/{batch}/files/{row['id']}").status_code == sees
        assert _send(other, batch, row, b"x" * 10).status_code == 404
        assert other.post(f"{URL}/{batch}/submit", {}, "application/json").status_code == 404
        assert len(other.get(URL).json()["results"]) == (sees == 200)
    viewer = Client()
    viewer.force_login(colleague)
    assert viewer.post(URL, {}, "application/json").status_code == 403
    assert viewer.post(URL, {"project": project.slug}, "application/json").status_code == 404
    assert UploadFile.objects.get().received_bytes == 0


def test_rights_that_ended_meanwhile_end_the_upload(client, slow, radiologist):
    batch = _sent(client, ("1.dcm", as_part10(make_dataset())))
    _submit(client, batch)
    radiologist.memberships.all().delete()
    forget_memberships()

    assert _finish(batch).state == "cancelled"
    assert not Instance.objects.exists()


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("post", "/files", {"files": [{"name": " ", "size": 1}]}, {}, 400),
        ("post", "/files", {"files": [{"name": "a", "size": -1}]}, {}, 400),
        ("post", "/files", {"files": [{"name": "a", "size": 2**60}]}, {}, 413),
        ("post", "/files", {"files": "all"}, {}, 400),
        ("post", "/submit", {}, {}, 400),
        ("post", "/store", {}, {}, 409),
        ("post", "/whole?files=1,x", b"x", {}, 400),
        ("post", "/whole?files=99999999", b"x", {}, 404),
        ("patch", "/files/99999999", b"x", {"Upload-Offset": "0"}, 404),
        ("patch", "/files/1", b"x", {"Upload-Offset": "-1"}, 400),
        ("patch", "/files/1", b"x", {}, 400),
        ("get", "/files?state=odd", None, {}, 400),
    ],
)
def test_bad_requests_are_told_what_is_wrong(client, method, path, body, headers, status):
    batch = client.post(URL, {}, "application/json").json()["id"]
    kind = PIECE if isinstance(body, bytes) else "application/json"
    more = {} if body is None else {"data": body, "content_type": kind}

    response = getattr(client, method)(f"{URL}/{batch}{path}", headers=headers, **more)

    assert response.status_code == status, response.content
    assert response.json()["detail"]


def test_more_than_was_announced_and_other_types_are_refused(client):
    batch, (row,) = _begin(client, ("1.dcm", b"x" * 10))
    assert _send(client, batch, row, b"x" * 11).status_code == 413
    assert client.head(f"{URL}/{batch}/files/{row['id']}")["Upload-Offset"] == "0"
    url = f"{URL}/{batch}/files/{row['id']}"
    odd = client.patch(url, b"x", content_type="text/plain", headers={"Upload-Offset": "0"})
    packed = client.patch(
        url, b"x", content_type=PIECE, headers={"Upload-Offset": "0", "Content-Encoding": "gzip"}
    )
    assert (odd.status_code, packed.status_code) == (415, 415)


def test_forgotten_uploads_are_given_up_and_strays_removed(client):
    batch, (row,) = _begin(client, ("1.dcm", b"x" * 10))
    _send(client, batch, row, b"x" * 5)
    UploadBatch.objects.filter(pk=batch).update(touched_at="2020-01-01T00:00Z")

    assert sweep_inbox() == 1

    assert UploadBatch.objects.get(pk=batch).state == "cancelled"
    assert list(spool.names_here()) == []


def test_an_archive_is_bounded_however_many_steps_it_takes(client, slow, monkeypatch):
    """Each step begins to read it anew; what came out in those before counts."""
    limits = ArchiveLimits(max_total_bytes=250_000)
    monkeypatch.setattr("archive.inbox.looking.archive_limits", lambda: limits)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(6):
            archive.writestr(f"{number}.dcm", bytes(100_000))
    batch = _sent(client, ("all.zip", packed.getvalue()))
    _submit(client, batch)
    recognise_some(UploadBatch.objects.get(pk=batch))

    for _ in range(8):
        unpack_one(UploadBatch.objects.get(pk=batch), lambda: False)

    row = UploadFile.objects.get(batch=batch, container=None)
    assert (row.state, "unpacks to more" in row.reason) == ("refused", True)
    assert sum(row.entries.values_list("size_bytes", flat=True)) <= limits.max_total_bytes


def test_what_a_given_up_or_cut_off_upload_leaves_is_removed(client, slow, monkeypatch):
    members = [(f"s/{n}.dcm", as_part10(make_dataset(InstanceNumber=n))) for n in range(3)]
    given_up = _sent(client, ("study.zip", _medium(*members)))
    _submit(client, given_up)
    work_on(given_up, for_s=-1)  # its kind is known
    steps = iter([lambda: client.delete(f"{URL}/{given_up}")])

    def give_up_after_the_first() -> bool:
        next(steps, lambda: None)()
        return True

    # A person gives it up while a worker unpacks it.
    unpack_one(claim(given_up), give_up_after_the_first)
    cut_off = _sent(client, ("1.dcm", as_part10(make_dataset())))
    _submit(client, cut_off)
    with monkeypatch.context() as patched:
        patched.setattr(working, "discard_files", _dies)
        with pytest.raises(SystemExit):
            _finish(cut_off)
    assert UploadBatch.objects.get(pk=cut_off).state == "done"

    sweep_inbox()

    assert list(spool.names_here()) == []


def _dies(_batch) -> None:
    raise SystemExit


def test_a_given_up_upload_ends_its_worker_in_peace(client, slow, monkeypatch):
    batch = _sent(client, ("1.dcm", as_part10(make_dataset())))
    _submit(client, batch)
    known = working.recognise_some

    def given_up_first(*arguments, **more):
        client.delete(f"{URL}/{batch}")
        return known(*arguments, **more)

    with monkeypatch.context() as patched:
        patched.setattr(working, "recognise_some", given_up_first)
        assert work_on(batch, for_s=600) is False
    assert UploadBatch.objects.get(pk=batch).state == "cancelled"

    # And where its files go while they are looked at.
    batch = _sent(client, ("2.dcm", as_part10(make_dataset())))
    _submit(client, batch)
    UploadFile.objects.update(kind="")

    def given_up_then(path):
        client.delete(f"{URL}/{batch}")
        return kind_of(path)

    monkeypatch.setattr("archive.inbox.looking.kind_of", given_up_then)
    assert work_on(batch, for_s=600) is False
    assert UploadBatch.objects.get(pk=batch).state == "cancelled"


def test_archives_in_archives_are_not_opened(client):
    inner = _medium(("1.dcm", as_part10(make_dataset())))
    batch = _sent(client, ("outer.zip", _medium(("inner.zip", inner))))
    _submit(client, batch)

    assert _finish(batch).state == "done"

    states = dict(UploadFile.objects.values_list("name", "state"))
    assert states == {"outer.zip": "unpacked", "outer.zip/inner.zip": "quarantined"}
    assert Instance.objects.count() == 0


def test_the_report_is_safe_in_a_spreadsheet(client):
    batch = _sent(client, ("=HYPERLINK(1).dcm", as_part10(make_dataset())), ("+1.txt", BROKEN))
    _submit(client, batch)

    response = client.get(f"{URL}/{batch}/report.csv")

    text = b"".join(response.streaming_content).decode()
    assert "attachment" in response["Content-Disposition"]
    assert text.splitlines()[0].startswith("file,bytes,kind,result,reason")
    assert "'=HYPERLINK(1).dcm" in text
    assert "'+1.txt" in text
    assert not any(line.startswith(("=", "+")) for line in text.splitlines())
