import signal

import pytest
import redis

from deploy.supervisor.errors import ServiceStartError
from deploy.supervisor.valkey import Valkey, find_binary


def test_binary_of_the_package_is_found():
    assert find_binary().name == "valkey-server"


def test_long_log_of_a_killed_server_is_loaded_again(home):
    valkey = Valkey(home)
    valkey.prepare()
    child = valkey.start()
    valkey.await_ready(child)
    with redis.Redis(unix_socket_path=str(home.valkey_socket)) as client:
        pipe = client.pipeline()
        for number in range(5000):
            pipe.rpush("queue", number)
        pipe.execute()
    child.wait(1.2)
    child.signal(signal.SIGKILL)
    child.stop()
    assert home.valkey_socket.exists()
    valkey.prepare()
    child = valkey.start()
    try:
        valkey.await_ready(child)
        with redis.Redis(unix_socket_path=str(home.valkey_socket)) as client:
            assert client.llen("queue") == 5000
    finally:
        child.stop()
    assert not home.valkey_socket.exists()


def test_log_cut_off_in_the_middle_loses_only_its_end(home):
    valkey = Valkey(home)
    valkey.prepare()
    child = valkey.start()
    valkey.await_ready(child)
    with redis.Redis(unix_socket_path=str(home.valkey_socket)) as client:
        client.rpush("queue", "first")
        client.rpush("queue", "second")
    child.stop()
    log = next((home.valkey / "appendonlydir").glob("*.incr.aof"))
    log.write_bytes(log.read_bytes()[:-3])
    valkey.prepare()
    child = valkey.start()
    try:
        valkey.await_ready(child)
        with redis.Redis(unix_socket_path=str(home.valkey_socket)) as client:
            assert client.lrange("queue", 0, -1) == [b"first"]
    finally:
        child.stop()


def test_server_that_cannot_write_is_reported(home):
    home.valkey.rmdir()
    home.valkey.write_text("a file, no folder")
    valkey = Valkey(home)
    spec = valkey.spec()
    with pytest.raises((ServiceStartError, OSError)):
        valkey.await_ready(valkey.start())
    assert spec.name == "valkey"


def test_nobody_answers_before_the_start(home):
    assert not Valkey(home).is_answering()
