"""What other rooms show on the portal's pages: registries they fill when the program starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archive.models.querysets import AnyUser


@dataclass(frozen=True)
class StudyPanel:
    """A panel beside the series of a study.

    ``context`` is given the user and the Study Instance UID, and answers what ``template`` needs.
    Where it holds a true ``is_busy``, the page asks again until it is false.
    """

    name: str
    title: str
    template: str
    context: Callable[[AnyUser, str], Mapping[str, Any]]


@dataclass(frozen=True)
class Status:
    """A short statement on a study: text, and one of ok, busy, warn, bad or empty as its tone."""

    text: str
    tone: str = ""
    detail: str = ""


@dataclass(frozen=True)
class StatusColumn:
    """A column of the study list: the Study Instance UIDs of a page to their statuses."""

    heading: str
    statuses: Callable[[AnyUser, Sequence[str]], Mapping[str, Status]]


@dataclass(frozen=True)
class CaseAction:
    """A button on studies and series; each function takes a UID and answers an address."""

    label: str
    icon: str
    key: str
    study_url: Callable[[str], str]
    series_url: Callable[[str], str]


@dataclass(frozen=True)
class SeriesAction:
    """A lesser button of a series' own page; ``is_for`` says who is shown it."""

    label: str
    icon: str
    series_url: Callable[[str], str]
    is_for: Callable[[AnyUser], bool]


@dataclass(frozen=True)
class ViewerMarks:
    """What is drawn over the frames of a series: ``series_url`` says where its JSON is.

    The JSON is what `GET /api/v1/series/{uid}/marks` answers.
    """

    series_url: Callable[[str], str]


@dataclass(frozen=True)
class NavigationItem:
    """An entry of the bar at the top; ``url_name`` is reversed without arguments.

    ``is_for`` says who is shown it; without it, everyone is.
    """

    label: str
    icon: str
    url_name: str
    is_for: Callable[[AnyUser], bool] | None = None


@dataclass(frozen=True)
class ManagementItem:
    """A page for radiology admins, in their menu; ``count`` says how much waits there.

    ``is_for`` says which of them are shown it; without it, all are.
    """

    label: str
    icon: str
    url_name: str
    count: Callable[[AnyUser], int] | None = None
    what: str = ""
    is_for: Callable[[AnyUser], bool] | None = None


@dataclass(frozen=True)
class NoticeItem:
    """What tells its reader of something new, at the end of the bar; ``count`` says of how much."""

    label: str
    icon: str
    url_name: str
    count: Callable[[AnyUser], int]


study_panels: dict[str, StudyPanel] = {}
status_columns: dict[str, StatusColumn] = {}
case_actions: dict[str, CaseAction] = {}
series_actions: dict[str, SeriesAction] = {}
navigation_items: dict[str, NavigationItem] = {}
management_items: dict[str, ManagementItem] = {}
notice_items: dict[str, NoticeItem] = {}
viewer_marks: list[ViewerMarks] = []


def register_study_panel(panel: StudyPanel) -> None:
    """Show the panel on every study page."""
    study_panels[panel.name] = panel


def register_status_column(column: StatusColumn) -> None:
    """Show the column in the study list."""
    status_columns[column.heading] = column


def register_case_action(action: CaseAction) -> None:
    """Show the button wherever a study or series is shown."""
    case_actions[action.label] = action


def register_series_action(action: SeriesAction) -> None:
    """Show the button on the pages of series."""
    series_actions[action.label] = action


def register_navigation_item(item: NavigationItem) -> None:
    """Show the entry in the bar."""
    navigation_items[item.url_name] = item


def register_management_item(item: ManagementItem) -> None:
    """Show the entry in the menu of radiology admins."""
    management_items[item.url_name] = item


def register_notice_item(item: NoticeItem) -> None:
    """Show the sign in the bar of everyone who is signed in."""
    notice_items[item.url_name] = item


def register_viewer_marks(marks: ViewerMarks) -> None:
    """Draw the marks in the viewer; the last one registered counts."""
    viewer_marks.append(marks)


def marks_url(series_uid: str) -> str:
    """Return where the marks of a series are; empty where nobody registered any."""
    return viewer_marks[-1].series_url(series_uid) if viewer_marks else ""
