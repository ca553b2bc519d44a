from django.urls import include, path

from inference.api import views
from inference.api.labels import LabelsView, LabelView
from inference.api.maps import SimilarMapView
from inference.api.models import ModelsView, ModelView
from inference.api.quality import EvaluationsView, SpacesView
from inference.api.statuses import register_statuses

app_name = "inference_api"
register_statuses()

urlpatterns = [
    path("studies/<str:study_uid>/status", views.StudyStatusView.as_view(), name="study-status"),
    path("labels", LabelsView.as_view(), name="label-create"),
    path("labels/<int:label_id>", LabelView.as_view(), name="label-detail"),
    path("", include("inference.api.run_urls")),
    path("", include("inference.api.training_urls")),
    path("models", ModelsView.as_view(), name="model-list"),
    path("models/<str:name>", ModelView.as_view(), name="model-detail"),
    path("similar", views.SimilarView.as_view(), name="similar-search"),
    path("", include("inference.api.search_urls")),
    path("spaces", SpacesView.as_view(), name="space-list"),
    path("evaluations", EvaluationsView.as_view(), name="evaluation-list"),
    path("similar/map", SimilarMapView.as_view(), name="similar-map"),
]
