import pytest
from django.contrib.staticfiles import finders
from django.core.management import call_command

from deploy.supervisor.preparation import (
    STAMP_NAME,
    collect_static_if_needed,
    first_admin_password,
    migrate_if_needed,
    static_fingerprint,
)


@pytest.mark.django_db
def test_schema_that_is_up_to_date_needs_nothing():
    assert migrate_if_needed() == 0


@pytest.mark.django_db(transaction=True)
def test_missing_migrations_are_applied():
    call_command("migrate", "sessions", "zero", verbosity=0)
    assert migrate_if_needed() == 1
    assert migrate_if_needed() == 0


@pytest.mark.django_db
def test_first_admin_gets_one_password(django_user_model):
    password = first_admin_password()
    assert password is not None
    assert django_user_model.objects.get(username="admin").check_password(password)
    assert first_admin_password() is None


def forget_finders() -> None:
    getattr(finders.get_finder, "cache_clear")()  # noqa: B009 the stubs don't know the lru_cache


@pytest.fixture
def static_sources(settings, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "one.css").write_text("a { color: red }")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "static"
    forget_finders()
    yield source
    forget_finders()


def test_static_files_are_collected_once(static_sources, settings):
    assert collect_static_if_needed() == 1
    assert (settings.STATIC_ROOT / "one.css").is_file()
    assert collect_static_if_needed() == 0


def test_changed_file_is_collected_again_and_a_gone_one_removed(static_sources, settings):
    collect_static_if_needed()
    (static_sources / "one.css").unlink()
    (static_sources / "two.css").write_text("b { color: blue }")
    assert collect_static_if_needed() == 1
    names = {path.name for path in settings.STATIC_ROOT.iterdir()}
    assert names == {"two.css", STAMP_NAME}


def test_collection_that_was_broken_off_is_repeated(static_sources, settings):
    collect_static_if_needed()
    (settings.STATIC_ROOT / STAMP_NAME).unlink()
    assert collect_static_if_needed() == 1


def test_fingerprint_knows_how_files_are_stored(static_sources, settings):
    before, _ = static_fingerprint()
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": "another.Storage"}}
    assert static_fingerprint()[0] != before
