from django.urls import include, path, register_converter

from archive.portal import collections, ohif, quizzes, removals, schedule, views
from archive.portal.converters import UidConverter

register_converter(UidConverter, "portal_uid")

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("login/", views.LoginPage.as_view(), name="login"),
    path("logout/", views.LogoutPage.as_view(), name="logout"),
    path("studies/", views.study_list, name="study-list"),
    path("studies/<portal_uid:study_uid>/", views.study_detail, name="study-detail"),
    path(
        "studies/<portal_uid:study_uid>/panels/<slug:name>/", views.study_panel, name="study-panel"
    ),
    path(
        "studies/<portal_uid:study_uid>/series/<portal_uid:series_uid>/",
        views.series_view,
        name="series-view",
    ),
    path("viewer/", ohif.ohif, name="ohif"),
    path("viewer/app-config.js", ohif.ohif_config, name="ohif-config"),
    path("viewer/<path:rest>", ohif.ohif, name="ohif-file"),
    path("schedule/", schedule.schedule, name="schedule"),
    path("schedule/new/", schedule.step_edit, name="schedule-new"),
    path("schedule/<int:pk>/", schedule.step_edit, name="schedule-step"),
    path("schedule/<int:pk>/move/", schedule.step_move, name="schedule-move"),
    path("upload/", views.upload, name="upload"),
    path("collections/", collections.collection_list, name="collection-list"),
    path("collections/add/", collections.collection_add, name="collection-add"),
    path("collections/<int:pk>/", collections.collection_detail, name="collection-detail"),
    path("collections/<int:pk>/delete/", collections.collection_delete, name="collection-delete"),
    path("collections/<int:pk>/order/", collections.collection_order, name="collection-order"),
    path("collections/<int:pk>/export/", collections.collection_export, name="collection-export"),
    path(
        "collections/<int:pk>/export/download/",
        collections.collection_download,
        name="collection-download",
    ),
    path(
        "collections/<int:pk>/cases/<int:item>/",
        collections.collection_case,
        name="collection-case",
    ),
    path(
        "collections/<int:pk>/cases/<int:item>/remove/",
        collections.collection_case_remove,
        name="collection-case-remove",
    ),
    path("collections/<int:pk>/quiz/", quizzes.quiz_start, name="quiz"),
    path("collections/<int:pk>/quiz/restart/", quizzes.quiz_restart, name="quiz-restart"),
    path("collections/<int:pk>/quiz/<int:item>/", quizzes.quiz_case, name="quiz-case"),
    path(
        "collections/<int:pk>/quiz/<int:item>/verdict/", quizzes.quiz_verdict, name="quiz-verdict"
    ),
    path(
        "collections/<int:pk>/quiz/<int:item>/pictures/<int:number>/",
        quizzes.quiz_picture,
        name="quiz-picture",
    ),
    path("quarantine/", views.quarantine_list, name="quarantine-list"),
    path("removals/", removals.removal_list, name="removal-list"),
    path("removals/new/", removals.removal_new, name="removal-new"),
    path("removals/<int:pk>/undo/", removals.removal_undo, name="removal-undo"),
    path("identity/", views.identity_list, name="identity-list"),
    path("", include("archive.portal.forwarding_urls")),
]
