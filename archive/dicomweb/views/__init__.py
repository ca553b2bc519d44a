from archive.dicomweb.views.metadata import metadata
from archive.dicomweb.views.pictures import rendered, thumbnail
from archive.dicomweb.views.retrieving import bulkdata, frames, retrieve_instance, retrieve_many
from archive.dicomweb.views.searching import search
from archive.dicomweb.views.storing import studies
from archive.dicomweb.views.wado_uri import wado

__all__ = [
    "bulkdata",
    "frames",
    "metadata",
    "rendered",
    "retrieve_instance",
    "retrieve_many",
    "search",
    "studies",
    "thumbnail",
    "wado",
]
