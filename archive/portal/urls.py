from django.urls import path, register_converter

from archive.portal import views
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
    path("upload/", views.upload, name="upload"),
    path("quarantine/", views.quarantine_list, name="quarantine-list"),
    path("identity/", views.identity_list, name="identity-list"),
]
