import os
import socket

import pytest

from deploy.supervisor.errors import SupervisorError
from deploy.supervisor.preflight import PortWish, check_disk, check_port


@pytest.fixture
def taken_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def wish(port: int, address: str = "127.0.0.1") -> PortWish:
    return PortWish("web", address, port, "TWINSIGHT_HTTP_PORT")


def test_taken_port_is_named_with_the_variable_to_change(taken_port):
    with pytest.raises(SupervisorError) as caught:
        check_port(wish(taken_port))
    message = str(caught.value)
    assert str(taken_port) in message
    assert "TWINSIGHT_HTTP_PORT" in message
    assert "\n" not in message


def test_free_port_passes_and_stays_free():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    check_port(wish(port))
    check_port(wish(port))
    with socket.create_server(("127.0.0.1", port)):
        pass


@pytest.mark.parametrize("port", [-1, 65536, 1_000_000])
def test_impossible_port(port):
    with pytest.raises(SupervisorError, match="no port number"):
        check_port(wish(port))


def test_address_of_another_machine():
    with pytest.raises(SupervisorError, match="cannot be used"):
        check_port(wish(18999, "192.0.2.1"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may listen anywhere")
def test_port_of_the_system():
    with pytest.raises(SupervisorError, match="rights"):
        check_port(wish(80))


def test_full_disk_is_named(tmp_path):
    with pytest.raises(SupervisorError, match="too full") as caught:
        check_disk(tmp_path, min_free_bytes=10**18)
    assert "TWINSIGHT_MIN_FREE_MB" in str(caught.value)


def test_disk_with_room(tmp_path):
    check_disk(tmp_path, min_free_bytes=1)
