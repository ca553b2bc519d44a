"""Stored images into images without identity: attributes, pixels and faces, one series at a time.

For workers: pixels are read for text, and a head is held in memory as a whole. What needs neither
may be made while it is sent (``is_at_once``); the rest is left out there.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from django.utils.translation import gettext_noop

from archive.deid.engine import deidentify, write_deidentified
from archive.deid.faces import find_face, may_show_face
from archive.deid.pixels import PixelReport, clean_pixels
from archive.deid.profiles import make_profile
from archive.deid.treatment import find_treatment
from archive.deid.types import Option, Refusal
from archive.dicom.overlays import OVERLAY_CLASSES
from archive.errors import ArchiveError, StorageError
from archive.models import Instance
from archive.research.pseudonyms import subject_of
from archive.research.types import CleanedImage, Content
from archive.retrieve.datasets import load_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt

    from archive.deid.types import Profile
    from archive.research.pseudonyms import Realm
    from archive.research.types import CleaningOptions, CleaningReport

FACTS = {
    "modality": "Modality",
    "body_part": "BodyPartExamined",
    "sex": "PatientSex",
    "age": "PatientAge",
    "study_date": "StudyDate",
}
# Of one series, held in memory at once while its face is looked for.
MAX_HEAD_BYTES = 1024**3
_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_TOO_LARGE = "The series is too large to look for a face in it."
NEEDS_CLEANING = Refusal(
    "needs-cleaning",
    gettext_noop("Its pixels have to be cleaned first: a job does it, not a download."),
)


class Cleaner:
    """Cleans the images of one study after the other, in one realm.

    Parameters
    ----------
    realm
        of the pseudonyms
    options
        what stays
    keep
        is called between images: the work goes on
    is_at_once
        somebody waits, in a process that must not read pixels: what has to be cleaned is left out
    """

    def __init__(
        self,
        realm: Realm,
        options: CleaningOptions,
        keep: Callable[[], None],
        *,
        is_at_once: bool = False,
    ) -> None:
        self._realm = realm
        self._options = options
        self._keep = keep
        self._is_at_once = is_at_once
        self._profile: Profile = make_profile(
            dates=options.dates,
            keeps_patient_characteristics=options.keeps_patient_characteristics,
            options=_profile_options(options),
        )

    @property
    def profile(self) -> Profile:
        """The profile that the images leave by."""
        return self._profile

    def clean(
        self, images: Sequence[Instance], report: CleaningReport, *, done: frozenset[str]
    ) -> Iterator[CleanedImage]:
        """Give the images that may leave, cleaned; say of the others why not.

        Parameters
        ----------
        images
            of one study, series by series; their rights were checked by the caller
        report
            is added to
        done
            SOP Instance UIDs, as they leave, that need not be made again

        Yields
        ------
        one image after the other
        """
        for _key, group in groupby(images, key=lambda one: one.series_id):
            series = list(group)
            wanted = [one for one in series if self._new_uid(one) not in done]
            report.written += len(series) - len(wanted)
            if wanted:
                yield from self._series(series, wanted, report)

    def _new_uid(self, instance: Instance) -> str:
        return self._realm.uid(instance.sop_instance_uid)

    def _series(
        self, series: Sequence[Instance], wanted: Sequence[Instance], report: CleaningReport
    ) -> Iterator[CleanedImage]:
        try:
            faces = {} if self._is_at_once else self._faces(series)
        except StorageError:
            raise
        except ArchiveError as error:
            report.leave_out(error.code, error.message, len(wanted))
            return
        if faces is None:
            report.leave_out("too-large", _TOO_LARGE, len(wanted))
            return
        for instance in wanted:
            self._keep()
            try:
                made = self._image(instance, faces, report)
            except ArchiveError as error:
                # A job tries again; who waits gets the rest.
                if isinstance(error, StorageError) and not self._is_at_once:
                    raise
                report.leave_out(error.code, error.message)
                continue
            if made is not None:
                report.written += 1
                yield made

    def _faces(self, series: Sequence[Instance]) -> dict[str, npt.NDArray[np.bool_]] | None:
        """Return where a face is, by image; None where the series is too large to be looked at."""
        headers = (load_dataset(one, stop_before_pixels=True) for one in series)
        if not any(map(may_show_face, headers)):
            return {}
        # All of it, whatever leaves: of a part no face is made out.
        whole = Instance.objects.shown().filter(series_id=series[0].series_id)
        instances = list(whole.select_related("blob", "series__study").order_by("pk"))
        if sum(one.blob.size_bytes for one in instances) > MAX_HEAD_BYTES:
            return None
        datasets = []
        for instance in instances:
            datasets.append(load_dataset(instance))
            self._keep()
        return dict(find_face(datasets))

    def _image(
        self, instance: Instance, faces: dict[str, npt.NDArray[np.bool_]], report: CleaningReport
    ) -> CleanedImage | None:
        ds = load_dataset(instance)
        treatment = find_treatment(
            ds, is_looked_at=self._options.is_looked_at, options=self._profile.options
        )
        refusal = treatment.refusal
        if refusal is None and self._is_at_once and treatment.takes_a_worker:
            refusal = NEEDS_CLEANING
        if refusal is not None:
            report.leave_out(refusal.code, refusal.text)
            return None
        face = faces.get(str(ds.SOPInstanceUID))
        subject = subject_of(instance.series.study.patient_id)
        made = deidentify(ds, self._profile, self._realm.pseudonyms, subject=subject)
        done = PixelReport()
        if treatment.takes_a_worker:
            done = clean_pixels(
                made.ds, face_fyx=face, reads_text=treatment.reads_text, keep=self._keep
            )
        report.done["images"] += 1
        report.done["frames_read"] += done.frames
        report.done["texts_masked"] += len(done.regions)
        report.done["faces_removed"] += done.has_lost_face
        for what, count in made.changes.items():
            report.done[f"attributes_{what}"] += count
        warnings = made.warnings if face is None else ()
        report.warnings.update(dict.fromkeys(warnings))
        facts = {name: str(made.ds.get(word) or "") for name, word in FACTS.items()}
        uids = (made.ds.StudyInstanceUID, made.ds.SeriesInstanceUID, made.ds.SOPInstanceUID)
        study_uid, series_uid, sop_instance_uid = map(str, uids)
        content = write_deidentified(made)
        return CleanedImage(
            instance, study_uid, series_uid, sop_instance_uid, content, facts, done, warnings
        )


def is_wanted(instance: Instance, content: Content) -> bool:
    """Whether an object leaves: a picture, what was drawn on some, or a report about them."""
    if not instance.has_pixel_data:
        is_report = instance.sop_class_uid.startswith(_REPORTS)
        return content is Content.REPORTS and is_report
    return content is not Content.IMAGES or instance.sop_class_uid not in OVERLAY_CLASSES


def _profile_options(options: CleaningOptions) -> frozenset[Option]:
    if options.content is not Content.REPORTS:
        return options.options
    return options.options | {Option.STRUCTURED_CONTENT}
