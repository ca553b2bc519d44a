from django.urls import path

from inference.portal import checks, compare, quality, searches, spaces, views

app_name = "similarity"
urlpatterns = [
    path("", views.similar_page, name="similar-page"),
    path("picture/", views.similar_to_picture, name="similar-to-picture"),
    path("feedback/", views.give_feedback, name="give-feedback"),
    path("facets/", views.facet_lists, name="facet-lists"),
    path("compare/", compare.compare_page, name="compare"),
    path("searches/", searches.search_list, name="search-list"),
    path("searches/<int:pk>/", searches.search_open, name="search-open"),
    path("searches/<int:pk>/change/", searches.search_change, name="search-change"),
    path("searches/<int:pk>/delete/", searches.search_delete, name="search-delete"),
    path("searches/<int:pk>/seen/", searches.search_seen, name="search-seen"),
    path("searches/<int:pk>/undo/", searches.search_undo, name="search-undo"),
    path("searches/<int:pk>/redo/", searches.search_redo, name="search-redo"),
    path("quality/", quality.quality_page, name="quality"),
    path("quality/evaluate/", quality.quality_evaluate, name="quality-evaluate"),
    path("spaces/", spaces.space_list, name="space-list"),
    path("spaces/roll-back/", spaces.space_roll_back, name="space-roll-back"),
    path("spaces/adapt/", spaces.space_adapt, name="space-adapt"),
    path("spaces/components/", spaces.space_components, name="space-components"),
    path("spaces/<str:name>/progress/", spaces.space_progress, name="space-progress"),
    path("spaces/<str:name>/<str:act>/", spaces.space_act, name="space-act"),
    path("checks/", checks.check_list, name="check-list"),
    path("checks/<int:suspicion_id>/", checks.check_settle, name="check-settle"),
]
