"""How answers of the search read on a page; a template library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import template
from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from archive.portal.presentation import title_case
from inference.portal import finding_words
from inference.portal.model_rows import STATES
from inference.similarity.types import Level, PatientScope, ScoreKind
from inference.training.stages import stage_in_words

if TYPE_CHECKING:
    from inference.models import Finding
    from inference.similarity.types import SimilarAnswer, SimilarResult, SummaryLine

register = template.Library()

_MEANINGS = {
    ScoreKind.COSINE: _("Cosine similarity of the two vectors: 1 is the same"),
    ScoreKind.EUCLIDEAN: _("1 / (1 + Euclidean distance of the two vectors): 1 is the same"),
    ScoreKind.INNER_PRODUCT: _("Inner product of the two vectors: greater is more alike"),
    ScoreKind.BHATTACHARYYA: _("Bhattacharyya coefficient of the two histograms: 1 is the same"),
    ScoreKind.RRF: _("Sum of reciprocal ranks among the answers to each part of the question"),
    ScoreKind.TEXT: _("How well the words fit, by PostgreSQL's rank"),
}
_SCOPES = {
    PatientScope.EXCLUDE: _("of other patients"),
    PatientScope.ANY: _("of everyone"),
    PatientScope.ONLY: _("of the same patient"),
}


@register.filter
def after_colon(value: str) -> str:
    """Return ``set:label`` without its set."""
    return value.partition(":")[2] or value


@register.filter
def label_case(value: str) -> str:
    """Return a label as people write it; short codes, such as modalities, stay as they are."""
    return value if len(value) <= 3 else title_case(value)


@register.filter
def carried_name(line: SummaryLine) -> str:
    """Return under which name the nearest cases carry something: a question of ours in words."""
    if line.source == "finding":
        return finding_words.question_name(line.name)
    return title_case(line.name)


@register.filter
def carried_label(line: SummaryLine) -> str:
    """Return what they carry; of models in words, of people as they wrote it."""
    if line.source == "finding":
        return finding_words.class_name(line.name, line.label)
    return gettext("segmentation") if line.source == "result" else label_case(line.label)


@register.filter
def label_name(value: str) -> str:
    """Return a class or structure of a model in words."""
    return finding_words.label_name(value)


@register.filter
def statement_name(finding: Finding) -> str:
    """Return what a statement of a model is about."""
    return finding_words.statement_name(finding)


@register.filter
def statement_label(finding: Finding) -> str:
    """Return what a model says, or of what it measured."""
    return finding_words.class_name(finding.name, finding.label)


@register.filter
def statement_value(finding: Finding) -> str:
    """Return what was measured, with its unit."""
    value = finding_words.written_value(finding.value)
    return f"{value} {finding_words.written_unit(finding.unit)}".strip()


@register.filter
def telling_labels(hit: SimilarResult) -> list[str]:
    """Return the labels that say more than the card's modality and body part do."""
    said = {hit.modality.upper(), hit.body_part.upper()}
    return [label for label in hit.labels if after_colon(label).upper() not in said]


@register.simple_tag
def viewer_address(
    study_uid: str, series_uid: str, instance_uid: str = "", frame: int | None = None
) -> str:
    """Return where the viewer shows a series, opened at an instance and frame where given."""
    query = {"instance": instance_uid} if instance_uid else {}
    if instance_uid and frame:
        query["frame"] = str(frame)
    return reverse("portal:series-view", args=(study_uid, series_uid), query=query)


@register.filter
def viewer_url(hit: SimilarResult) -> str:
    """Return where the viewer shows what was found."""
    return viewer_address(hit.study_uid, hit.series_uid, hit.instance_uid, hit.frame)


@register.filter
def model_state(value: str) -> str:
    """Return the state of a version of a model in a word."""
    return str(STATES.get(value, value))


@register.filter
def training_stage(value: str) -> str:
    """Return what a training is doing, in words."""
    return stage_in_words(value) or gettext("starting")


@register.filter
def score_meaning(kind: ScoreKind) -> str:
    """Return what a score is, in a sentence."""
    return str(_MEANINGS.get(kind, _("Greater is more alike")))


@register.filter
def counted(answer: SimilarAnswer) -> str:
    """Return how many of what were found."""
    number = len(answer.results)
    words = {
        Level.FRAME: ngettext("%(n)s frame", "%(n)s frames", number),
        Level.INSTANCE: ngettext("%(n)s image", "%(n)s images", number),
        Level.SERIES: ngettext("%(n)s case", "%(n)s cases", number),
        Level.STUDY: ngettext("%(n)s study", "%(n)s studies", number),
    }
    return words[answer.level] % {"n": number}


@register.filter
def scope_words(value: str) -> str:
    """Return among whom the search looked."""
    return str(_SCOPES[PatientScope(value)])


@register.filter
def time_left(seconds: int) -> str:
    """Return a duration as coarsely as anybody wants to know it."""
    if seconds < 90:
        return gettext("about a minute")
    if seconds < 90 * 60:
        return gettext("about %(n)s min") % {"n": round(seconds / 60)}
    return gettext("about %(n)s h") % {"n": round(seconds / 3600)}


@register.filter
def duration(seconds: float | None) -> str:
    """Return how long something took, as exactly as it matters."""
    if seconds is None:
        return ""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"
