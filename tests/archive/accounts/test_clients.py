"""Programs get tokens for minutes: by secret, or by a statement that they signed."""

from __future__ import annotations

import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.test import Client
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from archive.access.smart import allows, covers, is_known_scope, opens_door
from archive.accounts import clients, memberships
from archive.accounts.assertions import ASSERTION_TYPE
from archive.accounts.tasks import purge_ended_task
from archive.audit.types import Asker
from archive.errors import InvalidRequestError
from archive.models import ApiToken, AuditEvent, UsedAssertion
from tests.builders.sign_in import post_form, signed_in
from tests.factories.archive import StudyFactory

KEY = ec.generate_private_key(ec.SECP384R1())
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC = {**ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True), "kid": "one", "use": "sig"}
TOKEN = "http://testserver/oauth/token/"


@pytest.fixture
def admin(archive_admin) -> Asker:
    return Asker(door="portal", user=archive_admin)


@pytest.fixture
def with_secret(admin):
    return clients.register_client(asker=admin, name="research", scopes=["read", "write"])


@pytest.fixture
def with_keys(admin):
    client, secret = clients.register_client(
        asker=admin,
        name="ehr",
        scopes=["system/ImagingStudy.rs", "system/Patient.r"],
        jwks={"keys": [PUBLIC]},
    )
    assert not secret
    return client


def ask(**values: str):
    return post_form(Client(), "/oauth/token/", {"grant_type": "client_credentials", **values})


def statement(client_id: str, *, key=KEY, algorithm: str = "ES384", kid: str = "one", **changes):
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": TOKEN,
        "exp": int(time.time()) + 240,
        "jti": uuid.uuid4().hex,
        **changes,
    }
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": kid})


def ask_signed(client_id: str, assertion: str | None = None, **values: str):
    return ask(
        client_assertion_type=ASSERTION_TYPE,
        client_assertion=assertion or statement(client_id),
        **values,
    )


@pytest.mark.django_db
def test_secret_buys_a_token_with_the_accounts_rights(admin, with_secret, project):
    client, secret = with_secret
    name = client.application.client_id
    study = StudyFactory(projects=[project])
    answer = ask(client_id=name, client_secret=secret, scope="read")
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["scope"], body["expires_in"]) == ("Bearer", "read", 900)
    bearer = {"authorization": f"Bearer {body['access_token']}"}
    status = f"/api/v1/studies/{study.study_instance_uid}/status"
    assert Client().get(status, headers=bearer).status_code == 404

    memberships.give_role(
        asker=admin,
        user_id=client.application.user_id,
        role="viewer",
        project_slug=project.slug,
    )

    assert Client().get(status, headers=bearer).status_code == 200
    assert Client().post("/api/v1/labels", headers=bearer).status_code == 403
    assert body["access_token"] not in str(list(ApiToken.objects.values()))
    clients.switch_client(asker=admin, client_id=client.pk, is_enabled=False)
    assert Client().get(status, headers=bearer).status_code == 401
    assert ask(client_id=name, client_secret=secret).status_code == 401


@pytest.mark.django_db
def test_t41_brute_force_of_secrets(with_secret):
    client, secret = with_secret
    name = client.application.client_id
    answers = [ask(client_id=name, client_secret=f"wrong-{number}") for number in range(30)]
    assert [answer.status_code for answer in answers] == [401] * 20 + [429] * 10
    assert answers[-1]["Retry-After"] == "60"
    # On record once, however long somebody tries; and the right secret never waits.
    assert AuditEvent.objects.filter(act="client-login", outcome=4).count() == 20
    assert AuditEvent.objects.filter(act="refuse-tokens").count() == 1
    assert ask(client_id=name, client_secret=secret).status_code == 200


@pytest.mark.django_db
def test_what_is_not_the_clients_is_refused(with_secret, with_keys):
    client, secret = with_secret
    name = client.application.client_id
    for values, status, error in (
        ({"client_id": name, "client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "nobody", "client_secret": secret}, 401, "invalid_client"),
        ({"client_id": name, "client_secret": secret, "scope": "admin"}, 400, "invalid_scope"),
        (
            {"client_id": name, "client_secret": secret, "grant_type": "guess"},
            400,
            "unsupported_grant_type",
        ),
        # Who has keys is not let in by the secret that lies beside them.
        (
            {"client_id": with_keys.application.client_id, "client_secret": ""},
            401,
            "invalid_client",
        ),
    ):
        answer = ask(**values)
        assert (answer.status_code, answer.json()["error"]) == (status, error), values
    assert ask(client_id="a\x00b", client_secret="x").json()["error"] == "invalid_request"
    assert Client().get("/oauth/token/").status_code == 405
    assert Client().post("/oauth/token/", {"a": "b"}).json()["error"] == "invalid_request"
    failures = AuditEvent.objects.filter(act="client-login", outcome=4)
    assert failures.count() == 5
    assert "wrong" not in str(list(failures.values()))


@pytest.mark.django_db
def test_signed_statement_buys_a_token_for_images_alone(admin, with_keys, project):
    study = StudyFactory(projects=[project])
    memberships.give_role(
        asker=admin,
        user_id=with_keys.application.user_id,
        role="viewer",
        project_slug=project.slug,
    )
    answer = ask_signed(with_keys.application.client_id, scope="system/ImagingStudy.rs")
    assert answer.status_code == 200, answer.content
    bearer = {"authorization": f"Bearer {answer.json()['access_token']}"}

    found = Client().get("/dicom-web/studies", headers=bearer)
    assert [one["0020000D"]["Value"][0] for one in found.json()] == [study.study_instance_uid]
    assert Client().post("/dicom-web/studies", headers=bearer).status_code == 403
    status = f"/api/v1/studies/{study.study_instance_uid}/status"
    assert Client().get(status, headers=bearer).status_code == 403
    assert Client().get("/studies/", headers=bearer).status_code == 403


@pytest.mark.django_db
def test_statement_is_taken_once(with_keys):
    name = with_keys.application.client_id
    assertion = statement(name)

    assert ask_signed(name, assertion).status_code == 200
    assert ask_signed(name, assertion).status_code == 401
    UsedAssertion.objects.update(expires_at="2020-01-01T00:00:00Z")
    purge_ended_task()
    assert not UsedAssertion.objects.exists()


@pytest.mark.django_db
def test_untrue_statements_are_refused(with_keys):
    name = with_keys.application.client_id
    now = int(time.time())
    bad = {
        "old": statement(name, exp=now - 60),
        "long-lived": statement(name, exp=now + 3600),
        "for another": statement(name, aud="https://elsewhere.example/token"),
        "of another": statement(name, sub="somebody"),
        "unknown": statement("somebody"),
        "unsigned": jwt.encode({"iss": name, "sub": name}, None, algorithm="none"),
        "by secret": jwt.encode({"iss": name, "sub": name}, "x" * 40, algorithm="HS256"),
        "other key": statement(name, key=OTHER, algorithm="RS384"),
        "other kid": statement(name, kid="two"),
        "no jti": statement(name, jti=""),
        "for ever": statement(name, exp=10**18),
        "nested": ".".join(["W1tb" * 600, "W1tb" * 600, "x"]),
        "NUL": statement("a\x00b"),
        "no token": "abc.def.ghi",
        "huge": "x" * 100_000,
    }
    for kind, assertion in bad.items():
        answer = ask_signed(name, assertion)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client"), kind
    assert not ApiToken.objects.exists()


@pytest.mark.django_db
def test_keys_and_scopes_are_looked_at(admin, settings):
    private = {**RSAAlgorithm.to_jwk(OTHER, as_dict=True), "kid": "x"}
    settings.TWINSIGHT_JWKS_HOSTS = ["keys.example.org"]
    for more in (
        {"scopes": ["everything"]},
        {"scopes": ["system/Money.rs"]},
        {"scopes": []},
        {"scopes": ["read"], "jwks": {"keys": [private]}},
        {"scopes": ["read"], "jwks": [1, 2]},
        {"scopes": ["read"], "jwks_url": "http://keys.example.org/jwks"},
        {"scopes": ["read"], "jwks_url": "https://127.0.0.1/jwks"},
        {"scopes": ["read"], "jwks": {"keys": [PUBLIC]}, "jwks_url": "https://keys.example.org/"},
    ):
        with pytest.raises(InvalidRequestError):
            clients.register_client(asker=admin, name="bad", **more)
    made, _secret = clients.register_client(
        asker=admin, name="far", scopes=["read"], jwks_url="https://keys.example.org/jwks"
    )
    settings.TWINSIGHT_JWKS_HOSTS = []
    # What is no longer allowed isn't fetched either.
    assert ask_signed(made.application.client_id).status_code == 401


@pytest.mark.django_db
def test_worth_of_a_token_is_told_to_who_may_ask(with_secret, archive_admin, radiologist):
    client, secret = with_secret
    name = client.application.client_id
    token = ask(client_id=name, client_secret=secret).json()["access_token"]
    bearer = {"authorization": f"Bearer {token}"}

    own = post_form(Client(), "/oauth/introspect/", {"token": token}, **bearer).json()
    assert (own["active"], own["client_id"], own["scope"]) == (True, name, "read write")
    admins = post_form(signed_in("archive_admin"), "/oauth/introspect/", {"token": token})
    assert admins.json()["active"]
    others = post_form(signed_in("radiologist"), "/oauth/introspect/", {"token": token})
    assert others.json() == {"active": False}
    assert post_form(Client(), "/oauth/introspect/", {"token": token}).status_code == 401
    assert post_form(Client(), "/oauth/revoke/", {"token": token}, **bearer).status_code == 200
    ended = AuditEvent.objects.get(act="revoke-token")
    assert ended.details["token"] == token[:12]
    assert Client().get("/dicom-web/studies", headers=bearer).status_code == 401


@pytest.mark.django_db
def test_discovery_says_what_there_is(client, settings):
    settings.TWINSIGHT_PUBLIC_URL = "https://pacs.example.org"
    described = client.get("/.well-known/smart-configuration").json()

    assert described["token_endpoint"] == "https://pacs.example.org/oauth/token/"
    assert "smart-imaging-access" in described["capabilities"]
    assert "private_key_jwt" in described["token_endpoint_auth_methods_supported"]
    assert client.get("/.well-known/oauth-authorization-server").json()["issuer"] == (
        "https://pacs.example.org"
    )


@pytest.mark.parametrize(
    ("scope", "is_known"),
    [
        ("read", True),
        ("system/*.rs", True),
        ("system/ImagingStudy.read", True),
        ("system/ImagingStudy.rs", True),
        ("system/ImagingStudy.", False),
        ("system/ImagingStudy.sr", False),
        ("patient/ImagingStudy.rs", False),
        ("system/Money.rs", False),
    ],
)
def test_scopes_that_there_are(scope, is_known):
    assert is_known_scope(scope) is is_known


def test_scopes_lie_within_each_other():
    assert covers(["system/*.cruds"], "system/*.rs")
    assert covers(["system/*.rs"], "system/Patient.r")
    assert covers(["system/Patient.read"], "system/Patient.s")
    assert not covers(["system/Patient.rs"], "system/*.rs")
    assert not covers(["system/*.rs"], "read")
    assert not covers(["read"], "system/Patient.r")
    assert allows(["system/*.write"], "ImagingStudy", "c")
    assert not opens_door(["system/Patient.rs"], "/dicom-web/studies", "read")
    for needed in ("read", "write"):
        assert opens_door(["system/ImagingStudy.cruds"], "/dicom-web/studies", needed)
        assert not opens_door(["system/ImagingStudy.cruds"], "/dicom-web/workitems/1.2", needed)
        assert opens_door(["system/*.cruds"], "/dicom-web/workitems/1.2", needed)
    assert not opens_door(["system/*.cruds"], "/api/v1/labels", "write")
