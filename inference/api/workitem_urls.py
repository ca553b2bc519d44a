from django.urls import path

from inference.api import workitems

app_name = "workitems"
urlpatterns = [
    path("workitems", workitems.WorkitemsView.as_view(), name="workitem-list"),
    path("workitems/<str:uid>", workitems.WorkitemView.as_view(), name="workitem-detail"),
]
