from django.urls import path

from inference.api import trainings

ONE = "trainings/<int:training_id>"
urlpatterns = [
    path("trainings", trainings.TrainingsView.as_view(), name="training-list"),
    path(ONE, trainings.TrainingView.as_view(), name="training-detail"),
    path(f"{ONE}/cancel", trainings.TrainingCancelView.as_view(), name="training-cancel"),
    path(f"{ONE}/resume", trainings.TrainingResumeView.as_view(), name="training-resume"),
]
