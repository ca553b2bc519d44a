from django.urls import path

from inference.portal import training

app_name = "training"
urlpatterns = [
    path("training/", training.training_list, name="training-list"),
    path("training/new/", training.training_new, name="training-new"),
    path("training/new-masks/", training.training_new_masks, name="training-new-masks"),
    path("training/<int:pk>/", training.training_page, name="training-detail"),
    path("training/<int:pk>/live/", training.training_live, name="training-live"),
    path("training/<int:pk>/<slug:act>/", training.training_act, name="training-act"),
]
