from django.urls import path

from archive.dicomweb import views
from archive.query.types import Level

app_name = "dicomweb"

_STUDY = "studies/<str:study>"
_SERIES = f"{_STUDY}/series/<str:series>"
_INSTANCE = f"{_SERIES}/instances/<str:instance>"
_FRAMES = f"{_INSTANCE}/frames/<str:numbers>"

urlpatterns = [
    path("", views.service, name="service"),
    path("studies", views.studies, name="studies"),
    path("series", views.search, {"level": Level.SERIES}, name="series-search"),
    path("instances", views.search, {"level": Level.INSTANCE}, name="instance-search"),
    path(f"{_STUDY}/series", views.search, {"level": Level.SERIES}, name="study-series"),
    path(f"{_STUDY}/instances", views.search, {"level": Level.INSTANCE}, name="study-instances"),
    path(f"{_SERIES}/instances", views.search, {"level": Level.INSTANCE}, name="series-instances"),
    path(_STUDY, views.study_object, name="study"),
    path(_SERIES, views.series_object, name="series"),
    path(_INSTANCE, views.instance_object, name="instance"),
    path(f"{_STUDY}/metadata", views.metadata, name="study-metadata"),
    path(f"{_SERIES}/metadata", views.metadata, name="series-metadata"),
    path(f"{_INSTANCE}/metadata", views.metadata, name="instance-metadata"),
    path(f"{_STUDY}/rendered", views.rendered, name="study-rendered"),
    path(f"{_SERIES}/rendered", views.rendered, name="series-rendered"),
    path(f"{_INSTANCE}/rendered", views.rendered, name="instance-rendered"),
    path(f"{_FRAMES}/rendered", views.rendered, name="frames-rendered"),
    path(f"{_STUDY}/thumbnail", views.thumbnail, name="study-thumbnail"),
    path(f"{_SERIES}/thumbnail", views.thumbnail, name="series-thumbnail"),
    path(f"{_INSTANCE}/thumbnail", views.thumbnail, name="instance-thumbnail"),
    path(f"{_FRAMES}/thumbnail", views.thumbnail, name="frames-thumbnail"),
    path(_FRAMES, views.frames, name="frames"),
    path(f"{_INSTANCE}/bulkdata/<path:path>", views.bulkdata, name="bulkdata"),
    path(f"{_STUDY}/bulkdata", views.all_bulkdata, name="study-bulkdata"),
    path(f"{_SERIES}/bulkdata", views.all_bulkdata, name="series-bulkdata"),
    path(f"{_INSTANCE}/bulkdata", views.all_bulkdata, name="instance-bulkdata"),
    path(f"{_STUDY}/pixeldata", views.pixeldata, name="study-pixeldata"),
    path(f"{_SERIES}/pixeldata", views.pixeldata, name="series-pixeldata"),
    path(f"{_INSTANCE}/pixeldata", views.pixeldata, name="instance-pixeldata"),
]
