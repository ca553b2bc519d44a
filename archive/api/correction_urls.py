from django.urls import path

from archive.api import corrections

urlpatterns = [
    path("corrections", corrections.CorrectionsView.as_view(), name="correction-list"),
    path(
        "corrections/<int:correction_id>/undo",
        corrections.CorrectionUndoView.as_view(),
        name="correction-undo",
    ),
    path(
        "studies/<str:study_uid>/legal-hold",
        corrections.LegalHoldView.as_view(),
        name="legal-hold",
    ),
    path("patients", corrections.PatientsView.as_view(), name="patient-list"),
]
