from django.urls import include, path, register_converter

from archive.portal import collections, ohif, quizzes, removals, schedule, sign_in, views
from archive.portal.converters import UidConverter

register_converter(UidConverter, "portal_uid")

app_name = "portal"
urlpatterns = [
    path("", views.home, name="home"),
    path("favicon.ico", views.favicon, name="favicon"),
    path("login/", sign_in.LoginPage.as_view(), name="login"),
    path("logout/", sign_in.LogoutPage.as_view(), name="logout"),
    path("", include("archive.portal.worklist_urls")),
    path("studies/<portal_uid:study_uid>/", include("archive.portal.study_urls")),
    path("viewer/", ohif.ohif, name="ohif"),
    path("viewer/app-config.js", ohif.ohif_config, name="ohif-config"),
    path("viewer/<path:rest>", ohif.ohif, name="ohif-file"),
    path("schedule/", schedule.schedule, name="schedule"),
    path("schedule/new/", schedule.step_edit, name="schedule-new"),
    path("schedule/<int:pk>/", schedule.step_edit, name="schedule-step"),
    path("schedule/<int:pk>/move/", schedule.step_move, name="schedule-move"),
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
    path("removals/", removals.removal_list, name="removal-list"),
    path("removals/new/", removals.removal_new, name="removal-new"),
    path("removals/<int:pk>/undo/", removals.removal_undo, name="removal-undo"),
    path("identity/", views.identity_list, name="identity-list"),
    path("", include("archive.portal.account_urls")),
    path("", include("archive.portal.correction_urls")),
    path("", include("archive.portal.forwarding_urls")),
    path("", include("archive.portal.inbox_urls")),
    path("", include("archive.portal.manage_urls")),
    path("", include("archive.portal.notices_urls")),
    path("", include("archive.portal.research_urls")),
    path("", include("archive.portal.sharing_urls")),
]
