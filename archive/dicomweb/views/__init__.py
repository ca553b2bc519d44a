from archive.dicomweb.views.bulk import all_bulkdata, bulkdata, pixeldata
from archive.dicomweb.views.metadata import metadata
from archive.dicomweb.views.objects import instance_object, series_object
from archive.dicomweb.views.pictures import rendered, thumbnail
from archive.dicomweb.views.retrieving import frames
from archive.dicomweb.views.searching import search
from archive.dicomweb.views.service import service
from archive.dicomweb.views.storing import studies, study_object
from archive.dicomweb.views.wado_uri import wado

__all__ = [
    "all_bulkdata",
    "bulkdata",
    "frames",
    "instance_object",
    "metadata",
    "pixeldata",
    "rendered",
    "search",
    "series_object",
    "service",
    "studies",
    "study_object",
    "thumbnail",
    "wado",
]
