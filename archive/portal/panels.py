"""What other rooms show on the portal's pages: registries they fill when the program starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from django.utils.functional import _StrPromise

    from archive.models.querysets import AnyUser


@dataclass(frozen=True)
class StudyPanel:
    """A panel beside the series of a study.

    ``context`` is given the user and the Study Instance UID, and answers what ``template`` needs.
    Where it holds a true ``is_busy``, the page asks again until it is false. What takes time is
    ``is_lazy``: the page comes first, and asks for it then. The lowest ``place`` stands first. A
    panel that searches has an ``act`` of the audit trail, and the details of it under ``queried``.
    """

    name: str
    title: str | _StrPromise
    template: str
    context: Callable[[AnyUser, str], Mapping[str, Any]]
    is_lazy: bool = False
    place: int = 50
    # What stands there until a lazy one has come, best as large as that.
    awaited: str = "portal/_panel_awaited.html"
    act: str = ""


@dataclass(frozen=True)
class StudyAction:
    """An entry of the menu of a study's page: ``url`` takes the Study Instance UID.

    ``is_for`` is given the user and the UID of a study that they see; keep it to one statement.
    """

    name: str
    label: str | _StrPromise
    icon: str
    url: Callable[[str], str]
    is_for: Callable[[AnyUser, str], bool]


@dataclass(frozen=True)
class Status:
    """A short statement on a study: text, and one of ok, busy, warn, bad or empty as its tone."""

    text: str
    tone: str = ""
    detail: str = ""


@dataclass(frozen=True)
class StatusColumn:
    """A column of the study list: the Study Instance UIDs of a page to their statuses."""

    heading: str | _StrPromise
    statuses: Callable[[AnyUser, Sequence[str]], Mapping[str, Status]]


@dataclass(frozen=True)
class CaseAction:
    """A button on studies and series; each function takes a UID and answers an address."""

    label: str | _StrPromise
    icon: str
    key: str
    study_url: Callable[[str], str]
    series_url: Callable[[str], str]


@dataclass(frozen=True)
class SeriesAction:
    """A lesser button of a series' own page; ``is_for`` says who is shown it."""

    label: str | _StrPromise
    icon: str
    series_url: Callable[[str], str]
    is_for: Callable[[AnyUser], bool]


@dataclass(frozen=True)
class ViewerMarks:
    """What is drawn over the frames of a series: ``series_url`` says where its JSON is.

    The JSON is what `GET /api/v1/series/{uid}/marks` answers, in English as every answer to
    programs; ``words`` has the reader's words for what it says, by it in lower case.
    """

    series_url: Callable[[str], str]
    words: Callable[[], Mapping[str, str]]


@dataclass(frozen=True)
class NavigationItem:
    """An entry of the bar at the top; ``url_name`` is reversed without arguments.

    ``is_for`` says who is shown it; without it, everyone is.
    """

    label: str | _StrPromise
    icon: str
    url_name: str
    is_for: Callable[[AnyUser], bool] | None = None


@dataclass(frozen=True)
class ManagementItem:
    """A page for administrators, in their menu and overview; ``count`` says how much waits there.

    ``is_for`` says who is shown it; without it, radiology admins are. ``group`` is a key of
    `MANAGEMENT_GROUPS`, ``hint`` says on the overview what the page is for.
    """

    label: str | _StrPromise
    icon: str
    url_name: str
    count: Callable[[AnyUser], int] | None = None
    what: str | _StrPromise = ""
    is_for: Callable[[AnyUser], bool] | None = None
    group: str = "data"
    hint: str | _StrPromise = ""


@dataclass(frozen=True)
class DashboardPanel:
    """A card of the dashboard; ``context`` is given the user and answers what ``template`` needs.

    ``is_for`` says who is shown it; without it, everyone is. A card without anything to say has an
    empty context and is left out.
    """

    name: str
    title: str | _StrPromise
    template: str
    context: Callable[[AnyUser], Mapping[str, Any]]
    is_for: Callable[[AnyUser], bool] | None = None


@dataclass(frozen=True)
class NoticeLink:
    """A page with more to choose about news, beside the topics of `archive.notices`."""

    label: str | _StrPromise
    url_name: str


MANAGEMENT_GROUPS: dict[str, str | _StrPromise] = {
    "data": _("Data"),
    "traffic": _("Traffic"),
    "ai": _("AI"),
    "people": _("People"),
    "system": _("System"),
}
study_panels: dict[str, StudyPanel] = {}
study_actions: dict[str, StudyAction] = {}
status_columns: dict[str, StatusColumn] = {}
case_actions: dict[str, CaseAction] = {}
series_actions: dict[str, SeriesAction] = {}
navigation_items: dict[str, NavigationItem] = {}
management_items: dict[str, ManagementItem] = {}
dashboard_panels: dict[str, DashboardPanel] = {}
notice_links: dict[str, NoticeLink] = {}
viewer_marks: list[ViewerMarks] = []


def register_study_panel(panel: StudyPanel) -> None:
    """Show the panel on every study page."""
    study_panels[panel.name] = panel


def ordered_panels() -> list[StudyPanel]:
    """Return the panels in the order of their places."""
    return sorted(study_panels.values(), key=lambda panel: panel.place)


def register_study_action(action: StudyAction) -> None:
    """Show the entry in the menu of every study page, to those whom it is for."""
    study_actions[action.name] = action


def register_status_column(column: StatusColumn) -> None:
    """Show the column in the study list."""
    status_columns[str(column.heading)] = column


def register_case_action(action: CaseAction) -> None:
    """Show the button wherever a study or series is shown."""
    case_actions[str(action.label)] = action


def register_series_action(action: SeriesAction) -> None:
    """Show the button on the pages of series."""
    series_actions[str(action.label)] = action


def register_navigation_item(item: NavigationItem) -> None:
    """Show the entry in the bar."""
    navigation_items[item.url_name] = item


def register_management_item(item: ManagementItem) -> None:
    """Show the entry in the menu of radiology admins."""
    management_items[item.url_name] = item


def register_dashboard_panel(panel: DashboardPanel) -> None:
    """Show the card on the dashboard."""
    dashboard_panels[panel.name] = panel


def register_notice_link(link: NoticeLink) -> None:
    """Show the link under the choice of notices."""
    notice_links[link.url_name] = link


def register_viewer_marks(marks: ViewerMarks) -> None:
    """Draw the marks in the viewer; the last one registered counts."""
    viewer_marks.append(marks)


def marks_context(series_uid: str) -> dict[str, Any]:
    """Return where the marks of a series are, and words for them; nothing where there are none."""
    if not viewer_marks:
        return {}
    marks = viewer_marks[-1]
    return {"marks_url": marks.series_url(series_uid), "marks_words": dict(marks.words())}
