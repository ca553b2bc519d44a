from django.urls import path

from inference.api import marks, routing, runs

RUN, RULE = "runs/<int:run_id>", "routing-rules/<int:rule_id>"
urlpatterns = [
    path("runs", runs.RunsView.as_view(), name="run-list"),
    path(RUN, runs.RunView.as_view(), name="run-detail"),
    path(f"{RUN}/cancel", runs.RunCancelView.as_view(), name="run-cancel"),
    path(f"{RUN}/retry", runs.RunRetryView.as_view(), name="run-retry"),
    path(f"{RUN}/explain", marks.RunExplainView.as_view(), name="run-explain"),
    path("series/<str:series_uid>/marks", marks.SeriesMarksView.as_view(), name="series-marks"),
    path("routing-rules", routing.RulesView.as_view(), name="rule-list"),
    path(RULE, routing.RuleView.as_view(), name="rule-detail"),
    path(f"{RULE}/trial", routing.RuleTrialView.as_view(), name="rule-trial"),
]
