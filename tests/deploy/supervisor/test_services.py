import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import kombu
import psutil
import psycopg
import pytest
import redis

from deploy.supervisor.child import Child
from deploy.supervisor.endpoints import celery_url
from deploy.supervisor.errors import HomeInUseError
from deploy.supervisor.home import Home
from deploy.supervisor.services import (
    ServiceGroup,
    embedded_services,
    held_home,
    running_endpoints,
)
from tests.deploy.supervisor.watching import (
    end,
    files_in_run,
    first_line,
    is_alive,
    processes_of,
)
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parents[3]
SERVE = """
import sys, time
from deploy.supervisor.services import embedded_services
with embedded_services(sys.argv[1], fast=True) as endpoints:
    print("up", flush=True)
    time.sleep(120)
"""


def put_data(endpoints) -> None:
    with psycopg.connect(endpoints.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")
        connection.execute("INSERT INTO kept VALUES (7)")
    with redis.Redis.from_url(endpoints.redis_url) as client:
        client.rpush("queue", "task")


def read_data(endpoints) -> tuple[list[tuple[int]], list[bytes]]:
    with psycopg.connect(endpoints.database_url) as connection:
        rows = connection.execute("SELECT number FROM kept").fetchall()
    with redis.Redis.from_url(endpoints.redis_url) as client:
        return rows, client.lrange("queue", 0, -1)


DATA = ([(7,)], [b"task"])


@pytest.fixture
def server(home):
    """Another process that runs the services of a home."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(home.root)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert first_line(process) == "up\n"
    yield process
    end(process)
    wait_until(lambda: not processes_of(home))


def test_services_answer_and_leave_only_data(home):
    with embedded_services(home, fast=True) as endpoints:
        put_data(endpoints)
        assert running_endpoints(home) == endpoints
        with kombu.Connection(celery_url(endpoints.redis_url)) as broker:
            broker.ensure_connection(max_retries=1)
    assert processes_of(home) == []
    assert files_in_run(home) == []
    assert running_endpoints(home) is None
    with embedded_services(home, fast=True) as endpoints:
        assert read_data(endpoints) == DATA


def test_role_may_make_databases_with_the_extensions(home):
    with (
        embedded_services(home, fast=True) as endpoints,
        psycopg.connect(endpoints.database_url, autocommit=True) as connection,
    ):
        connection.execute("CREATE DATABASE another")
        url = endpoints.database_url.replace("/twinsight?", "/another?")
        with psycopg.connect(url) as another:
            for name in ("vector", "pg_trgm", "unaccent", "btree_gist"):
                another.execute(f"CREATE EXTENSION IF NOT EXISTS {name}")
            nearest = another.execute("SELECT '[1,0]'::halfvec <=> '[1,0]'::halfvec").fetchone()
            assert nearest == (0.0,)
        # Names of patients are in every script: letters must fold beyond ASCII.
        assert connection.execute("SELECT lower('ÄÖÜ ДА')").fetchone() == ("äöü да",)


def test_services_are_durable_and_reachable_by_socket_only(home):
    with embedded_services(home) as endpoints:
        with psycopg.connect(endpoints.database_url) as connection:
            for setting, value in (
                ("fsync", "on"),
                ("synchronous_commit", "on"),
                ("full_page_writes", "on"),
                ("data_checksums", "on"),
                ("listen_addresses", ""),
                ("max_connections", "100"),
            ):
                assert connection.execute(f"SHOW {setting}").fetchone() == (value,)
        with redis.Redis.from_url(endpoints.redis_url) as client:
            assert client.config_get("appendonly") == {"appendonly": "yes"}
            assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
            assert client.config_get("port") == {"port": "0"}
        assert stat.S_IMODE(home.postgres_socket_dir.stat().st_mode) == 0o700
        assert stat.S_IMODE(home.valkey_socket.stat().st_mode) == 0o700


@pytest.mark.skipif(os.geteuid() != 0, reason="only root hands the cluster to another user")
def test_root_hands_the_cluster_to_another_user_without_opening_folders(home):
    with embedded_services(home, fast=True):
        data = (home.postgres / "data").stat()
        assert data.st_uid != 0
        assert stat.S_IMODE(data.st_mode) == 0o700
        assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
        assert home.root.stat().st_uid == 0


def test_long_path_moves_the_sockets_and_cleans_up(home):
    deep = Home(home.root / ("x" * 100))
    with embedded_services(deep, fast=True) as endpoints:
        assert deep.sockets != deep.run
        put_data(endpoints)
        assert read_data(endpoints) == DATA
    assert not deep.sockets.exists()


def test_second_start_is_refused_and_harms_nothing(home, server):
    with pytest.raises(HomeInUseError, match="already runs"), embedded_services(home):
        pass
    endpoints = running_endpoints(home)
    assert endpoints is not None
    put_data(endpoints)
    assert read_data(endpoints) == DATA


def test_killed_owner_leaves_no_process_and_the_next_start_has_the_data(home, server):
    put_data(running_endpoints(home))
    server.send_signal(signal.SIGKILL)
    server.wait()
    # At once, while the old services are still going down.
    with embedded_services(home, fast=True) as endpoints:
        assert read_data(endpoints) == DATA
        running = processes_of(home)
        assert sum("valkey-server" in line for line in running) == 1
    assert processes_of(home) == []
    assert files_in_run(home) == []


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_killed_service_comes_back_with_its_data(home, name):
    # Durable settings: what is lost with fsync off would say nothing.
    with held_home(home):
        group = ServiceGroup(home)
        try:
            group.start()
            put_data(home.embedded_endpoints())
            wait_for_the_second_of_everysec = 1.2
            group.children["valkey"].wait(wait_for_the_second_of_everysec)
            group.children[name].signal(signal.SIGKILL)
            assert group.children[name].stop() == -signal.SIGKILL
            restart_patiently(group, name)
            assert read_data(home.embedded_endpoints()) == DATA
        finally:
            group.stop()
    assert processes_of(home) == []


def restart_patiently(group: ServiceGroup, name: str) -> None:
    """As the supervisor does: back ends of a killed server need a moment to go."""

    def try_it() -> bool:
        try:
            group.restart(name)
        except Exception:  # noqa: BLE001 any failure is a reason to try again
            return False
        return True

    wait_until(try_it)


def test_stale_pid_file_with_a_pid_that_belongs_to_somebody_else(home):
    with embedded_services(home, fast=True) as endpoints:
        put_data(endpoints)
    pid_file = home.postgres / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{home.postgres / 'data'}\n1\n5432\n\n\n")
    (home.postgres_socket_dir / ".s.PGSQL.5432.lock").write_text(f"{os.getpid()}\n")
    with embedded_services(home, fast=True) as endpoints:
        assert read_data(endpoints) == DATA
    assert psutil.pid_exists(os.getpid())


def test_interrupted_initdb_is_begun_anew(home):
    (home.postgres / "data.new" / "base").mkdir(parents=True)
    (home.postgres / "data.new" / "PG_VERSION").write_text("18\n")
    with embedded_services(home, fast=True) as endpoints:
        put_data(endpoints)
    assert not (home.postgres / "data.new").exists()


def test_failure_inside_the_block_still_stops_everything(home):
    with pytest.raises(RuntimeError, match="inside"), embedded_services(home, fast=True):
        raise RuntimeError("inside")
    assert processes_of(home) == []
    assert files_in_run(home) == []


def test_service_that_does_not_start_stops_the_other(home, monkeypatch):
    monkeypatch.setattr("deploy.supervisor.postgres.SETTINGS", {"shared_buffers": "nonsense"})
    from deploy.supervisor.errors import ServiceStartError

    with pytest.raises(ServiceStartError) as caught, embedded_services(home):
        pass
    assert "PostgreSQL did not start" in str(caught.value)
    assert str(home.logs / "postgres.log") in str(caught.value)
    assert processes_of(home) == []
    assert files_in_run(home) == []


def test_external_services_are_not_started(home):
    group = ServiceGroup(home, with_postgres=False, with_valkey=False)
    group.start()
    group.stop()
    assert group.children == {}
    assert not (home.postgres / "data").exists()


def test_children_of_the_group_are_children_of_ours(home):
    with held_home(home):
        group = ServiceGroup(home, with_postgres=False, fast=True)
        try:
            group.start()
            child = group.children["valkey"]
            assert isinstance(child, Child)
            assert psutil.Process(child.pid).ppid() == os.getpid()
        finally:
            group.stop()
    assert not is_alive(child.pid)
