"""PostgreSQL's memory follows the machine's."""

import pytest

from deploy.supervisor.memory import available_bytes, memory_settings

GIB = 1024**3


@pytest.mark.parametrize(
    ("total", "shared", "maintenance"),
    [(GIB // 4, "128MB", "128MB"), (16 * GIB, "4096MB", "2048MB"), (512 * GIB, "8192MB", "4096MB")],
)
def test_memory_settings_stay_within_bounds(total, shared, maintenance):
    settings = memory_settings(total)

    assert settings["shared_buffers"] == shared
    assert settings["maintenance_work_mem"] == maintenance


def test_limit_of_the_container_counts(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr("deploy.supervisor.memory._CGROUP_LIMIT", limit)
    whole = available_bytes()

    limit.write_text("max\n")
    assert available_bytes() == whole
    limit.write_text("1048576\n")
    assert available_bytes() == 1_048_576
