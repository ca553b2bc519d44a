from django.urls import path

from inference.api import searches

urlpatterns = [
    path("", searches.SearchesView.as_view(), name="search-list"),
    path("/<int:search_id>", searches.SearchView.as_view(), name="search-detail"),
    path("/<int:search_id>/rounds", searches.SearchRoundsView.as_view(), name="search-rounds"),
    path("/<int:search_id>/undo", searches.SearchUndoView.as_view(), name="search-undo"),
    path("/<int:search_id>/redo", searches.SearchRedoView.as_view(), name="search-redo"),
    path("/<int:search_id>/run", searches.SearchRunView.as_view(), name="search-run"),
    path("/<int:search_id>/matches", searches.SearchMatchesView.as_view(), name="search-matches"),
    path(
        "/<int:search_id>/matches/seen",
        searches.SearchMatchesSeenView.as_view(),
        name="search-matches-seen",
    ),
]
