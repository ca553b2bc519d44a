"""The flows that the guides tell of, done in a browser; each keeps its pictures."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archive.dicom.reading import read_dataset
from bench.screenshots import Camera, sign_in

NAMES = "a[href^='/studies/']:not([href*='list.csv'])"
# What is only looked at: pictures by their pages.
READERS_PAGES = {
    "jobs": "/jobs/",
    "notices": "/notices/",
    "notice-settings": "/notices/settings/",
    "account": "/account/",
    "account-sign-in": "/account/security/",
    "account-tokens": "/account/tokens/",
    "emergency": "/emergencies/",
    "agreement": "/worklist/agreement/",
    "saved-searches": "/similar/searches/",
    "dashboard": "/dashboard/",
}
ADMIN_PAGES = {
    "manage": "/manage/",
    "users": "/manage/users/",
    "projects": "/manage/projects/",
    "roles": "/manage/roles/",
    "groups": "/manage/groups/",
    "clients": "/manage/clients/",
    "peers": "/peers/",
    "fetching": "/fetches/",
    "folders": "/folders/",
    "quotas": "/quotas/",
    "quarantine": "/quarantine/",
    "identity": "/identity/",
    "corrections": "/corrections/",
    "unmatched": "/corrections/unmatched/",
    "deleted": "/removals/",
    "messages": "/messages/",
    "models": "/models/",
    "model": "/models/ct-body-bone-lung/",
    "routing": "/routing/",
    "runs": "/runs/",
    "spaces": "/similar/spaces/",
    "quality": "/similar/quality/",
    "checks": "/similar/checks/",
    "training": "/training/",
    "queues": "/manage/queues/",
    "storage": "/manage/storage/",
    "links": "/shares/",
    "audit": "/audit/",
    "design": "/design/",
}


def signing_in(camera: Camera) -> None:
    """Sign in, and wait until the models have read what arrived."""
    camera.open("/login/")
    camera.take("login")
    sign_in(camera.page, camera.url, "admin", camera.password)
    for _ in range(180):
        page = camera.open("/manage/queues/")
        row = page.get_by_role("row", name="Runs of models")
        if re.search(r"Runs of models\s+0\s+0", row.inner_text()):
            break
        page.wait_for_timeout(5000)


def list_of_studies(camera: Camera) -> None:
    """Search the list, filter, arrange, select, act on what is selected."""
    for window in ("laptop", "tablet"):
        camera.open("/studies/?all")
        camera.take(f"studies{'-tablet' if window == 'tablet' else ''}", window=window)
    camera.take("studies-light", theme="light")
    page = camera.open("/studies/?all")
    page.keyboard.press("/")
    page.keyboard.type("muller chest")
    page.wait_for_url("**q=muller**")
    camera.take("studies-search")
    page.get_by_text("Saved filters").click()
    page.get_by_label("Name of this filter").fill("My chest films")
    camera.take("studies-saved")
    page = camera.open("/studies/?all")
    page.get_by_role("button", name="Columns").click()
    camera.take("studies-columns")
    page = camera.open("/studies/?all")
    for key in ("j", "x", "j", "j", "Shift+X"):
        page.keyboard.press(key)
    camera.take("studies-selected")
    page.locator("#selection").get_by_role("button", name="Export as ZIP").click()
    camera.settle()
    camera.take("studies-act")
    page.locator("#act").get_by_role("button", name="Export").click()
    page.locator("#jobs-dock").get_by_text("Details").first.wait_for()
    page.keyboard.press("Escape")
    camera.take("studies-job")
    page = camera.open("/studies/?all")
    page.keyboard.press("?")
    camera.take("keyboard")
    page.keyboard.press("Escape")


def _find(camera: Camera, words: str) -> str:
    """Return the page of the first study with these words."""
    page = camera.open(f"/studies/?q={words}")
    link = page.locator("tbody a[data-open]").first
    return link.get_attribute("href") or ""


def one_study(camera: Camera) -> None:
    """Open a study's pages: images, results, reports, tags, downloads, who opened it."""
    study = _find(camera, "brain")
    camera.show("study", study)
    camera.take("study-light", theme="light")
    page = camera.page
    page.locator("#timeline-title").scroll_into_view_if_needed()
    camera.take("study-timeline")
    page = camera.open(f"{study}tags/")
    page.locator("[data-search]").fill("pixel spacing")
    page.wait_for_timeout(1500)
    camera.take("study-tags")
    camera.show("study-download", f"{study}download/")
    camera.show("study-history", f"{study}history/")
    page = camera.open(study)
    page.get_by_role("link", name=re.compile("^Read")).first.click()
    unfolded = page.locator("[data-unfold][aria-expanded=true]").first
    unfolded.wait_for()
    unfolded.evaluate("one => one.scrollIntoView({ block: 'start' })")
    page.mouse.wheel(0, -80)
    camera.take("study-report")


def viewers(camera: Camera) -> None:
    """Open the built-in viewer, with overlays, and OHIF where it is installed."""
    page = camera.open(_find(camera, "abdomen"))
    page.locator(".series-card a[data-open]").first.click()
    page.locator("#stage[data-ready=true], #stage").first.wait_for()
    camera.settle()
    page.wait_for_timeout(4000)
    for _ in range(8):
        page.keyboard.press("ArrowDown")
    camera.take("viewer-overlays")
    page.keyboard.press("l")
    camera.take("viewer")
    page = camera.open(_find(camera, "brain"))
    ohif = page.get_by_role("link", name="Open in OHIF").first
    if ohif.count():
        page.goto(camera.url + (ohif.get_attribute("href") or "").replace(camera.url, ""))
        page.wait_for_timeout(20_000)
        camera.take("ohif")


def similar_cases(camera: Camera) -> None:
    """Ask by a study, a region, words; why; compare; keep."""
    page = camera.open(_find(camera, "chest"))
    page.locator(".series-card [data-similar]").first.click()
    page.locator(".similar-grid .hit").first.wait_for()
    camera.take("similar")
    camera.take("similar-light", theme="light")
    page.locator("[data-likeness-open]").first.click()
    page.locator("[data-likeness-content]").wait_for(timeout=120_000)
    page.wait_for_timeout(1500)
    camera.take("similar-why")
    page.keyboard.press("Escape")
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.keyboard.press("c")
    page.wait_for_url("**/similar/compare/**")
    page.wait_for_timeout(3000)
    camera.take("compare")
    page.go_back()
    page.locator(".similar-grid .hit").first.wait_for()
    camera.settle()
    box: Any = page.locator("#query-stage").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.3)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.7, steps=6)
    page.mouse.up()
    page.wait_for_url(re.compile("region="))
    page.wait_for_timeout(2500)
    camera.take("similar-region")
    page.locator("#filter-menu > summary").click()
    camera.take("similar-filters")
    page = camera.open("/similar/?text=fracture")
    page.wait_for_timeout(1500)
    camera.take("similar-words")
    page.locator("#save-menu > summary").click()
    page.get_by_label("Name").fill("Fractures, as written")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved as").wait_for()


def reviewing(camera: Camera) -> None:
    """Open the worklist of results, one result, labelling."""
    camera.show("review", "/worklist/review/")
    page = camera.page
    page.locator("tbody a", has_text="Pneumonia").first.click()
    camera.settle()
    page.wait_for_timeout(2000)
    camera.take("review-result")
    page = camera.open("/worklist/labelling/")
    camera.take("labelling")


def collecting(camera: Camera) -> None:
    """Make a quiz, fill it, look at what an export of it holds."""
    page = camera.open("/collections/")
    page.get_by_role("button", name="New collection").first.click()
    page.get_by_label("Name", exact=True).fill("Friday conference")
    page.locator("#new-collection").get_by_text("Quiz", exact=True).click()
    camera.take("collection-new")
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(re.compile(r"/collections/\d+/"))
    collection = page.url.replace(camera.url, "")
    for words in ("chest", "hand", "brain"):
        page = camera.open(_find(camera, words))
        page.locator(".series-card").first.get_by_role("link", name="Collect").click()
        page.get_by_role("dialog").get_by_role("button", name="Collect").click()
        page.get_by_role("dialog").get_by_text("Added to").wait_for()
    page = camera.open(collection)
    for number, diagnosis in enumerate(("Pneumonia", "No fracture", "No tumour"), start=1):
        card = page.locator(".case-card").nth(number - 1)
        card.get_by_role("button", name=f"Describe case {number}").click()
        page.get_by_label("Diagnosis").locator("visible=true").fill(diagnosis)
        page.get_by_role("button", name="Keep", exact=True).locator("visible=true").first.click()
        card.get_by_text(diagnosis).first.wait_for()
    camera.show("collection", collection)
    camera.show("collection-export", f"{collection}export/")
    camera.show("collections", "/collections/")
    page = camera.open(f"{collection}quiz/")
    camera.take("quiz")


def uploading(camera: Camera) -> None:
    """Files looked at before they are stored, and the report."""
    page = camera.open("/upload/")
    page.get_by_label("Show me what it comes to").check()
    camera.take("upload")
    page.locator("#pick-files").set_input_files(_files())
    page.wait_for_url(re.compile(r"/upload/\d+/$"))
    page.get_by_text("Nothing is stored yet.").wait_for(timeout=120_000)
    camera.take("upload-preview")
    page.get_by_role("button", name="Store", exact=True).click()
    page.locator('#batch[data-state="done"]').wait_for(timeout=120_000)
    camera.take("upload-report")
    page = camera.open("/quarantine/")
    page.locator("tbody a").first.click()
    camera.settle()
    camera.take("quarantine-entry")


def _files() -> list[dict[str, Any]]:
    """Return a CT of an invented patient, one that is here, one with another's UIDs, a text."""
    from pydicom.data import get_testdata_file  # noqa: PLC0415 a bench without files needs none
    from pydicom.uid import generate_uid  # noqa: PLC0415

    found: list[dict[str, Any]] = []

    def add(name: str, content: bytes) -> None:
        found.append({"name": name, "mimeType": "application/dicom", "buffer": content})

    def written(**values: object) -> bytes:
        ds = read_dataset(Path(str(get_testdata_file("CT_small.dcm"))))
        for keyword, value in values.items():
            setattr(ds, keyword, value)
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        stream = io.BytesIO()
        ds.save_as(stream)
        return stream.getvalue()

    add("known.dcm", written())
    add("contradiction.dcm", written(PatientID="TW-2", PatientName="Else^Bert"))
    study, series = (generate_uid(entropy_srcs=[f"guide {part}"]) for part in ("study", "series"))
    whose = {"PatientID": "TW-1", "PatientName": "Noether^Emmy", "StudyInstanceUID": study}
    what = {"SeriesInstanceUID": series, "StudyDescription": "CT Thorax", "AccessionNumber": ""}
    for number in range(1, 4):
        uid = generate_uid(entropy_srcs=[f"guide {number}"])
        add(f"{number}.dcm", written(SOPInstanceUID=uid, InstanceNumber=number, **whose, **what))
    found.append({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no image " * 40})
    return found


def sharing(camera: Camera) -> None:
    """Make a link for somebody outside, and open it."""
    study = _find(camera, "hand")
    page = camera.open(f"{study}sharing/")
    page.get_by_label("For whom").fill("Dr. Curie, a second opinion")
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#made-link").inner_text()
    camera.take("sharing")
    browser = page.context.browser
    if browser is None:
        return
    visitor = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
    before, camera.page = camera.page, visitor
    camera.show("shared", link)
    camera.page = before
    visitor.context.close()


def scheduling(camera: Camera) -> None:
    """Plan an examination."""
    page = camera.open("/schedule/new/")
    camera.take("schedule-new")
    page.get_by_role("link", name="Schedule").first.click()


def correcting(camera: Camera) -> None:
    """Put a study right."""
    page = camera.open(_find(camera, "noether"))
    page.locator("summary", has_text="More").click()
    camera.take("study-menu")
    page.get_by_role("link", name="Correct").click()
    camera.settle()
    page.get_by_label("Why").fill("Misspelt at registration")
    camera.take("correct")


def accounts(camera: Camera) -> None:
    """Make an account; give it a role."""
    page = camera.open("/manage/users/new/")
    page.get_by_label("User name").fill("m.weiss")
    page.get_by_label("First name").fill("Mara")
    page.get_by_label("Last name").fill("Weiss")
    camera.take("user-new", theme="light")
    page.get_by_role("button", name="Make account").click()
    camera.settle()
    camera.take("user", theme="light")


def forwarding(camera: Camera) -> None:
    """Register a peer; look at rules."""
    page = camera.open("/peers/new/")
    page.get_by_label("AE title").fill("PACS")
    page.get_by_label("IP address").fill("10.0.0.7")
    page.get_by_label("Port").fill("104")
    camera.take("peer")
    page.get_by_role("button", name=re.compile("Save|Keep|Make|Register")).first.click()
    camera.settle()
    camera.show("forwarding-rule", "/forwarding/rules/new/")
    camera.show("forwarding", "/forwarding/")
    camera.show("routing-rule", "/routing/new/")


def pages(which: dict[str, str], theme: str) -> Callable[[Camera], None]:
    """Return what shows pages as they are."""

    def looked_at(camera: Camera) -> None:
        for name, path in which.items():
            camera.show(name, path, theme=theme)

    return looked_at


FLOWS: dict[str, Callable[[Camera], None]] = {
    "sign-in": signing_in,
    "list": list_of_studies,
    "study": one_study,
    "viewers": viewers,
    "similar": similar_cases,
    "review": reviewing,
    "collections": collecting,
    "upload": uploading,
    "sharing": sharing,
    "schedule": scheduling,
    "correct": correcting,
    "accounts": accounts,
    "forwarding": forwarding,
    "reader": pages(READERS_PAGES, "dark"),
    "admin": pages(ADMIN_PAGES, "light"),
}
