"""What the AI says on the dashboard: how people agree with models, how well search finds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.cache import cache
from django.utils.translation import gettext_lazy as _

from archive.access.selectors import is_site_radiology_admin, may_review_any, rights_key_of
from archive.portal import panels
from archive.portal.dashboard_figures import Chart, Column, Row
from inference.review.agreement import agreement_over_time
from inference.similarity.quality.services import list_evaluations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archive.models.querysets import AnyUser
    from inference.models import RetrievalEvaluation
    from inference.review.agreement import Agreement

# Decisions are read anew so often at most, for each set of rights.
_KEPT_S = 300
_MOST_MODELS = 4
_TONES = ("twin", "query", "busy", "ok")
_MEASURES = (("p_at_1", "P@1", "twin"), ("p_at_10", "P@10", "busy"), ("map", "mAP", "query"))


def fill_dashboard() -> None:
    """Register the AI's cards; called once, when the program starts."""
    panels.register_dashboard_panel(
        panels.DashboardPanel(
            name="agreement",
            title=_("Agreement with models"),
            template="dashboard/_agreement.html",
            context=agreement_card,
            is_for=may_review_any,
        )
    )
    panels.register_dashboard_panel(
        panels.DashboardPanel(
            name="retrieval",
            title=_("Retrieval quality"),
            template="dashboard/_retrieval.html",
            context=retrieval_card,
            is_for=is_site_radiology_admin,
        )
    )


def agreement_card(user: AnyUser) -> dict[str, Any]:
    """Return the share of statements agreed with, by model and week or month."""
    key = f"dashboard:agreement:{rights_key_of(user)}"
    found: Agreement | None = cache.get(key)
    if found is None:
        found = agreement_over_time(user)
        cache.set(key, found, timeout=_KEPT_S)
    models = [one for one in found.models if one.total.statements][:_MOST_MODELS]
    days = sorted({day for one in models for day in one.periods})
    chart = Chart(
        "lines",
        [
            Column(f"{one.model} {one.version}", tone)
            for one, tone in zip(models, _TONES, strict=False)
        ],
        [
            Row(
                day,
                f"{day:%Y-%m}" if found.is_by_month else day.isoformat(),
                [one.periods[day].share if day in one.periods else None for one in models],
            )
            for day in days
        ],
        unit="share",
    )
    return {"chart": chart, "models": models, "has_any": bool(models)}


def retrieval_card(user: AnyUser) -> dict[str, Any]:
    """Return how well the space that was measured last finds what is labelled alike, over time."""
    newest = list_evaluations(user, limit=1)
    if not newest:
        return {"chart": None}
    last = newest[0]
    rows = list_evaluations(
        user, space=last.space.name, label_set=last.label_set, level=last.level, limit=180
    )
    return {"chart": _history(rows), "last": last, "figures": _figures(last)}


def _figures(row: RetrievalEvaluation) -> list[tuple[str, float | None]]:
    return [(name, _value(row, key)) for key, name, _tone in _MEASURES]


def _history(rows: Sequence[RetrievalEvaluation]) -> Chart:
    """Return one point a day, the newest measurement of it."""
    by_day = {row.created_at.date(): row for row in sorted(rows, key=lambda row: row.pk)}
    points = [
        Row(day, day.isoformat(), [_value(row, key) for key, _name, _tone in _MEASURES])
        for day, row in sorted(by_day.items())
    ]
    return Chart("lines", [Column(name, tone) for _, name, tone in _MEASURES], points, "share")


def _value(row: RetrievalEvaluation, key: str) -> float | None:
    found = row.figures.get("all", {}).get(key)
    return found[0] if found else None
