"""Accounts of the site, for its user administrator: people, programs, roles, outside groups."""

from __future__ import annotations

from datetime import datetime, time
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from archive.access.middleware import asker_of
from archive.accounts import mappings, memberships, selectors, services, sessions, tokens
from archive.accounts.outside import known_providers
from archive.accounts.stepup import requires_recent_login
from archive.errors import ArchiveError, InvalidRequestError
from archive.portal.account_forms import MappingForm, RoleForm, UserForm
from archive.portal.statuses import speaks_html

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

_PAGE_SIZE = 50


@require_safe
@speaks_html
def user_list(request: HttpRequest) -> HttpResponse:
    """Show all accounts."""
    search, show = request.GET.get("q", "")[:150], request.GET.get("show", "")
    users = selectors.list_users(request.user, search=search, show=show)
    page = Paginator(users, _PAGE_SIZE).get_page(request.GET.get("page"))
    query = request.GET.copy()
    query.pop("page", None)
    prefix = f"?{query.urlencode()}&" if query else "?"
    context = {
        "page": page,
        "search": search,
        "show": show,
        "previous_url": f"{prefix}page={page.number - 1}" if page.has_previous() else "",
        "next_url": f"{prefix}page={page.number + 1}" if page.has_next() else "",
    }
    return render(request, "account/user_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def user_new(request: HttpRequest) -> HttpResponse:
    """Make an account."""
    selectors.require_user_admin(request.user)
    form = UserForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            user = services.create_user(
                asker=asker_of(request),
                username=data["username"],
                full_name=(data["first_name"], data["last_name"]),
                email=data["email"],
                is_service=data["is_service"],
                is_user_admin=data["is_user_admin"],
            )
        except InvalidRequestError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("The account is made. Give it roles and a way to sign in."))
            return redirect("portal:user-edit", pk=user.pk)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "account/user_new.html", {"form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def user_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one account, and keep what is said of it."""
    selectors.require_user_admin(request.user)
    user = selectors.find_user(pk)
    form = UserForm(request.POST or None, initial=_known(user))
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            services.change_user(
                asker=asker_of(request),
                user_id=pk,
                full_name=(data["first_name"], data["last_name"]),
                email=data["email"],
                is_user_admin=data["is_user_admin"],
            )
            messages.success(request, _("The account is kept."))
            return redirect("portal:user-edit", pk=pk)
        except ArchiveError as error:
            form.add_error(None, error.message)
    return _user_page(request, user, form)


def _known(user: User) -> dict[str, str]:
    return {name: getattr(user, name) for name in ("first_name", "last_name", "email")}


def _user_page(
    request: HttpRequest, user: User, form: UserForm | None = None, **more: Any
) -> HttpResponse:
    context = {
        "one": user,
        "form": form or UserForm(initial=_known(user)),
        "held": selectors.memberships_held(user),
        "is_service": services.is_service_account(user),
        "has_second_step": selectors.has_second_step(user),
        "tokens": selectors.open_tokens(user),
        "projects": memberships.projects_to_staff(request.user),
        "roles": selectors.ROLES,
        "password": "",
        "link": "",
        **more,
    }
    failed = form is not None and bool(form.errors)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if failed else HTTPStatus.OK
    return render(request, "account/user_edit.html", context, status=status)


@require_POST
@requires_recent_login
@speaks_html
def user_act(request: HttpRequest, pk: int, act: str) -> HttpResponse:
    """Switch an account on or off, or give its person a way in."""
    asker = asker_of(request)
    acts: dict[str, Callable[[], dict[str, Any]]] = {
        "disable": lambda: _none(services.disable_user(asker=asker, user_id=pk)),
        "enable": lambda: _none(services.enable_user(asker=asker, user_id=pk)),
        "reset": lambda: {"password": services.reset_password(asker=asker, user_id=pk)},
        "invite": lambda: {
            "link": services.invite_user(
                asker=asker, user_id=pk, origin=f"{request.scheme}://{request.get_host()}"
            )
        },
        "end-sessions": lambda: {
            "ended": sessions.end_sessions_of(asker=asker, user_id=pk),
            "are_over": True,
        },
        "forget-second-steps": lambda: {
            "removed": services.remove_second_steps(asker=asker, user_id=pk)
        },
    }
    selectors.require_user_admin(request.user)
    try:
        shown = acts[act]() if act in acts else {}
    except InvalidRequestError as error:
        messages.error(request, error.message)
        shown = {}
    if not shown:
        return redirect("portal:user-edit", pk=pk)
    return _user_page(request, selectors.find_user(pk), **shown)


def _none(_result: object) -> dict[str, Any]:
    return {}


@require_POST
@requires_recent_login
@speaks_html
def role_give(request: HttpRequest, pk: int) -> HttpResponse:
    """Give an account a role."""
    form = RoleForm(request.POST)
    if form.is_valid():
        until = form.cleaned_data["until"]
        end = timezone.make_aware(datetime.combine(until, time.max)) if until else None
        try:
            memberships.give_role(
                asker=asker_of(request),
                user_id=pk,
                role=form.cleaned_data["role"],
                project_slug=form.cleaned_data["project"],
                expires_at=end,
            )
            messages.success(request, _("The role is given."))
        except InvalidRequestError as error:
            messages.error(request, error.message)
    else:
        messages.error(request, _("Choose a role."))
    return redirect("portal:user-edit", pk=pk)


@require_POST
@requires_recent_login
@speaks_html
def role_take(request: HttpRequest, pk: int, membership: int) -> HttpResponse:
    """Take a role from an account."""
    memberships.take_role(asker=asker_of(request), membership_id=membership)
    messages.success(request, _("The role is taken."))
    return redirect("portal:user-edit", pk=pk)


@require_POST
@requires_recent_login
@speaks_html
def token_revoke(request: HttpRequest, pk: int, token: int) -> HttpResponse:
    """End a token of an account at once."""
    selectors.require_user_admin(request.user)
    tokens.revoke_token(asker=asker_of(request), token_id=token)
    messages.success(request, _("The token is revoked."))
    return redirect("portal:user-edit", pk=pk)


@require_http_methods(["GET", "HEAD", "POST"])
@requires_recent_login
@speaks_html
def group_list(request: HttpRequest) -> HttpResponse:
    """Show and keep what groups of outside directories give."""
    known = selectors.list_mappings(request.user)
    providers = known_providers()
    first = providers[0][0] if providers else ""
    form = MappingForm(request.POST or None, initial={"provider": first})
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        try:
            mappings.add_mapping(
                asker=asker_of(request),
                provider=data["provider"],
                group=data["group"],
                role=data["role"],
                project_slug=data["project"],
                is_user_admin=data["is_user_admin"],
            )
            messages.success(request, _("The group is kept."))
            return redirect("portal:group-list")
        except ArchiveError as error:
            form.add_error(None, error.message)
    context = {
        "mappings": known,
        "form": form,
        "roles": selectors.ROLES,
        "projects": memberships.projects_to_staff(request.user),
        "providers": providers,
    }
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.errors else HTTPStatus.OK
    return render(request, "account/group_list.html", context, status=status)


@require_POST
@requires_recent_login
@speaks_html
def group_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Let a group give that no more."""
    mappings.remove_mapping(asker=asker_of(request), mapping_id=pk)
    messages.success(request, _("The group gives that no more."))
    return redirect("portal:group-list")
