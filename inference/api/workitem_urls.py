from django.urls import path

from inference.api import workitem_subscribers, workitems

app_name = "workitems"
ONE = "workitems/<str:uid>"
SUBSCRIBER = f"{ONE}/subscribers/<str:ae_title>"
urlpatterns = [
    path("workitems", workitems.WorkitemsView.as_view(), name="workitem-list"),
    path(ONE, workitems.WorkitemView.as_view(), name="workitem-detail"),
    path(f"{ONE}/state", workitems.WorkitemStateView.as_view(), name="workitem-state"),
    path(f"{ONE}/cancelrequest", workitems.WorkitemCancelView.as_view(), name="workitem-cancel"),
    path(SUBSCRIBER, workitem_subscribers.SubscriberView.as_view(), name="subscriber"),
    path(
        f"{SUBSCRIBER}/suspend",
        workitem_subscribers.SuspensionView.as_view(),
        name="subscriber-suspend",
    ),
    path(
        "subscribers/<str:ae_title>",
        workitem_subscribers.ChannelView.as_view(),
        name="subscriber-channel",
    ),
]
