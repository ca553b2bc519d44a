from django.urls import path

from inference.portal import notices, report_pages, routing, runs, starting

app_name = "runs"
urlpatterns = [
    path("runs/", runs.run_list, name="run-list"),
    path("runs/new/", starting.run_start, name="run-start"),
    path("runs/notices/", notices.notice_page, name="notices"),
    path("runs/drift/<int:pk>/settle/", notices.drift_settle, name="drift-settle"),
    path("runs/<int:pk>/", runs.run_page, name="run-detail"),
    path("runs/<int:pk>/report/", report_pages.report, name="run-report"),
    path("runs/<int:pk>/<slug:act>/", runs.run_act, name="run-act"),
    path("routing/", routing.rule_list, name="rule-list"),
    path("routing/new/", routing.rule_edit, name="rule-new"),
    path("routing/try/", routing.rule_try, name="rule-try"),
    path("routing/<int:pk>/", routing.rule_edit, name="rule-edit"),
    path("routing/<int:pk>/<slug:act>/", routing.rule_act, name="rule-act"),
]
