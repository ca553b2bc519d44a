"""Addresses by the names under which allauth looks for them."""

from allauth.mfa.webauthn import views as key_views
from allauth.socialaccount.providers.openid_connect import views as oidc_views
from django.contrib.auth.decorators import login_not_required
from django.urls import path, re_path

from archive.portal import second_steps, sign_in

urlpatterns = [
    path("login/", sign_in.LoginPage.as_view(), name="account_login"),
    path("login/second/", sign_in.SecondStepPage.as_view(), name="mfa_authenticate"),
    path(
        "login/passkey/",
        login_not_required(key_views.login_webauthn),
        name="mfa_login_webauthn",
    ),
    path("login/cancelled/", sign_in.cancelled, name="socialaccount_login_cancelled"),
    path("login/failed/", sign_in.OutsideErrorPage.as_view(), name="socialaccount_login_error"),
    path("login/unknown/", sign_in.cancelled, name="socialaccount_signup"),
    path("login/with/<slug:provider_id>/", oidc_views.login, name="openid_connect_login"),
    path(
        "login/with/<slug:provider_id>/done/",
        oidc_views.callback,
        name="openid_connect_callback",
    ),
    path("logout/", sign_in.LogoutPage.as_view(), name="account_logout"),
    path("account/inactive/", sign_in.inactive, name="account_inactive"),
    path("account/again/", sign_in.PasswordAgainPage.as_view(), name="account_reauthenticate"),
    path("account/again/code/", sign_in.CodeAgainPage.as_view(), name="mfa_reauthenticate"),
    path("account/again/key/", sign_in.KeyAgainPage.as_view(), name="mfa_reauthenticate_webauthn"),
    path("account/password/", sign_in.PasswordPage.as_view(), name="account_change_password"),
    path("account/password/elsewhere/", sign_in.password_elsewhere, name="account_set_password"),
    path("account/forgotten/", sign_in.ForgottenPage.as_view(), name="account_reset_password"),
    path(
        "account/forgotten/sent/",
        sign_in.ForgottenSentPage.as_view(),
        name="account_reset_password_done",
    ),
    path(
        "account/forgotten/done/",
        sign_in.ChosenPage.as_view(),
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^account/forgotten/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        sign_in.ChoosePage.as_view(),
        name="account_reset_password_from_key",
    ),
    path("account/security/", second_steps.SecurityPage.as_view(), name="mfa_index"),
    path(
        "account/security/app/",
        second_steps.AppPage.as_view(),
        name="mfa_activate_totp",
    ),
    path(
        "account/security/app/remove/",
        second_steps.AppRemovalPage.as_view(),
        name="mfa_deactivate_totp",
    ),
    path(
        "account/security/codes/", second_steps.CodesPage.as_view(), name="mfa_view_recovery_codes"
    ),
    path(
        "account/security/codes/new/",
        second_steps.NewCodesPage.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path("account/security/keys/", second_steps.key_list, name="mfa_list_webauthn"),
    path("account/security/keys/add/", second_steps.KeyPage.as_view(), name="mfa_add_webauthn"),
    path(
        "account/security/keys/<int:pk>/remove/",
        second_steps.KeyRemovalPage.as_view(),
        name="mfa_remove_webauthn",
    ),
]
