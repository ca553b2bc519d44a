from archive.dicomweb.views.metadata import metadata
from archive.dicomweb.views.objects import instance_object, series_object
from archive.dicomweb.views.pictures import rendered, thumbnail
from archive.dicomweb.views.retrieving import bulkdata, frames
from archive.dicomweb.views.searching import search
from archive.dicomweb.views.storing import studies, study_object
from archive.dicomweb.views.wado_uri import wado

__all__ = [
    "bulkdata",
    "frames",
    "instance_object",
    "metadata",
    "rendered",
    "search",
    "series_object",
    "studies",
    "study_object",
    "thumbnail",
    "wado",
]
