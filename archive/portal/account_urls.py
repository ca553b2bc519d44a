"""One's own account, and everybody's for the user administrator."""

from django.urls import path

from archive.portal import accounts, all_sessions, clients, languages, users

urlpatterns = [
    path("account/", accounts.profile, name="account"),
    path("account/language/", languages.language_choose, name="account-language"),
    path("words/<slug:language>/<slug:version>.js", languages.ScriptWords.as_view(), name="words"),
    path("account/sessions/", accounts.session_list, name="account-sessions"),
    path("account/tokens/", accounts.token_list, name="account-tokens"),
    path("account/tokens/<int:pk>/rotate/", accounts.token_rotate, name="account-token-rotate"),
    path("account/tokens/<int:pk>/revoke/", accounts.token_revoke, name="account-token-revoke"),
    path("manage/users/", users.user_list, name="user-list"),
    path("manage/users/new/", users.user_new, name="user-new"),
    path("manage/users/sessions/", all_sessions.all_sessions, name="all-sessions"),
    path("manage/users/<int:pk>/", users.user_edit, name="user-edit"),
    path("manage/users/<int:pk>/roles/", users.role_give, name="role-give"),
    path("manage/users/<int:pk>/roles/<int:membership>/take/", users.role_take, name="role-take"),
    path(
        "manage/users/<int:pk>/tokens/<int:token>/revoke/",
        users.token_revoke,
        name="user-token-revoke",
    ),
    path("manage/users/<int:pk>/<slug:act>/", users.user_act, name="user-act"),
    path("manage/groups/", users.group_list, name="group-list"),
    path("manage/groups/<int:pk>/remove/", users.group_remove, name="group-remove"),
    path("manage/clients/", clients.client_list, name="client-list"),
    path("manage/clients/<int:pk>/<slug:act>/", clients.client_act, name="client-act"),
]
