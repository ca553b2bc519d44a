from django.urls import path

from inference.api import searches

ONE = "searches/<int:search_id>"
urlpatterns = [
    path("searches", searches.SearchesView.as_view(), name="search-list"),
    path(ONE, searches.SearchView.as_view(), name="search-detail"),
    path(f"{ONE}/rounds", searches.SearchRoundsView.as_view(), name="search-rounds"),
    path(f"{ONE}/undo", searches.SearchUndoView.as_view(), name="search-undo"),
    path(f"{ONE}/redo", searches.SearchRedoView.as_view(), name="search-redo"),
    path(f"{ONE}/run", searches.SearchRunView.as_view(), name="search-run"),
    path(f"{ONE}/matches", searches.SearchMatchesView.as_view(), name="search-matches"),
    path(
        f"{ONE}/matches/seen", searches.SearchMatchesSeenView.as_view(), name="search-matches-seen"
    ),
]
