from django.urls import path

from inference.portal import checks, compare, quality, views

app_name = "similarity"
urlpatterns = [
    path("", views.similar_page, name="similar-page"),
    path("picture/", views.similar_to_picture, name="similar-to-picture"),
    path("feedback/", views.give_feedback, name="give-feedback"),
    path("facets/", views.facet_lists, name="facet-lists"),
    path("compare/", compare.compare_page, name="compare"),
    path("quality/", quality.quality_page, name="quality"),
    path("quality/evaluate/", quality.quality_evaluate, name="quality-evaluate"),
    path("checks/", checks.check_list, name="check-list"),
    path("checks/<int:suspicion_id>/", checks.check_settle, name="check-settle"),
]
