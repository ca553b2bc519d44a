from django.urls import path

from archive.portal import dashboard, design, manage, projects, system

urlpatterns = [
    path("dashboard/", dashboard.dashboard, name="dashboard"),
    path("design/", design.design, name="design"),
    path("manage/", manage.overview, name="manage"),
    path("manage/projects/", projects.project_list, name="project-list"),
    path("manage/projects/<slug:slug>/", projects.project_detail, name="project-detail"),
    path("manage/roles/", projects.role_list, name="role-list"),
    path("manage/roles/<int:pk>/take/", projects.role_take, name="role-take"),
    path("manage/queues/", system.queue_list, name="queue-list"),
    path("manage/queues/workers/", system.worker_list, name="worker-list"),
    path("manage/queues/<slug:name>/retry/", system.queue_retry, name="queue-retry"),
    path("manage/storage/", system.storage, name="storage"),
]
