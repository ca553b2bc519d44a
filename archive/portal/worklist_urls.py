from django.urls import path

from archive.portal import jobs, worklist, worklist_columns, worklist_filters

urlpatterns = [
    path("studies/", worklist.study_list, name="study-list"),
    path("studies/news/", worklist.study_news, name="study-news"),
    path("studies/list.csv", worklist.study_csv, name="study-csv"),
    path("studies/columns/", worklist_columns.columns_choose, name="study-columns"),
    path("studies/filters/", worklist_filters.filter_list, name="filter-list"),
    path("studies/filters/keep/", worklist_filters.filter_keep, name="filter-keep"),
    path("studies/filters/<int:pk>/<slug:act>/", worklist_filters.filter_act, name="filter-act"),
    path("studies/acts/<slug:name>/", jobs.act, name="study-act"),
    path("jobs/", jobs.job_list, name="job-list"),
    path("jobs/dock/", jobs.job_dock, name="job-dock"),
    path("jobs/<int:pk>/", jobs.job_detail, name="job-detail"),
    path("jobs/<int:pk>/cancel/", jobs.job_cancel, name="job-cancel"),
    path("jobs/<int:pk>/file/", jobs.job_result, name="job-result"),
]
