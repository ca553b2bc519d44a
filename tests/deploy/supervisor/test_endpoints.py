import json
from pathlib import Path

import environ
import pytest
from psycopg.conninfo import conninfo_to_dict
from redis.connection import parse_url as parse_redis_url

from deploy.supervisor.endpoints import (
    Endpoints,
    celery_url,
    socket_database_url,
    socket_redis_url,
    with_redis_database,
)

# Capitals and blanks: a home may be called anything.
FOLDER = Path("/srv/My Data/Run")


def test_database_url_is_understood_by_libpq():
    parsed = conninfo_to_dict(socket_database_url(FOLDER))
    assert parsed == {"user": "twinsight", "dbname": "twinsight", "host": str(FOLDER)}


def test_database_url_is_understood_by_the_settings():
    config = environ.Env().db_url_config(socket_database_url(FOLDER))
    assert (config["NAME"], config["USER"]) == ("twinsight", "twinsight")
    assert config["OPTIONS"]["host"] == str(FOLDER)


def test_redis_url_is_understood_by_redis():
    parsed = parse_redis_url(socket_redis_url(FOLDER / "valkey.sock", database=3))
    assert (parsed["path"], parsed["db"]) == (str(FOLDER / "valkey.sock"), 3)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("unix:///run/valkey.sock?db=0", "unix:///run/valkey.sock?db=2"),
        ("unix:///run/valkey.sock", "unix:///run/valkey.sock?db=2"),
        ("redis://:secret@cache:6379/0", "redis://:secret@cache:6379/2"),
        ("rediss://cache", "rediss://cache/2"),
    ],
)
def test_with_redis_database(url, expected):
    assert with_redis_database(url, 2) == expected


def test_celery_url_of_a_socket_names_path_and_database():
    expected = "redis+socket:///run/valkey.sock?virtual_host=4"
    assert celery_url("unix:///run/valkey.sock?db=4") == expected


def test_celery_url_of_a_server_stays():
    assert celery_url("redis://cache:6379/0") == "redis://cache:6379/0"


def test_endpoints_are_read_back(tmp_path):
    (tmp_path / "e.json").write_text(json.dumps({"database_url": "a", "redis_url": "b"}))
    found = Endpoints.read(tmp_path / "e.json")
    assert found == Endpoints("a", "b")
    assert found.as_environment() == {"DATABASE_URL": "a", "REDIS_URL": "b"}


@pytest.mark.parametrize("content", [None, "", "{", '{"database_url": "a"}', "[]"])
def test_endpoints_half_written_or_missing_are_none(tmp_path, content):
    if content is not None:
        (tmp_path / "e.json").write_text(content)
    assert Endpoints.read(tmp_path / "e.json") is None
