"""What row-level security in PostgreSQL would cost beside the gate that the statements carry.

    python -m bench.row_security [--studies 200000]

A database of its own with studies in projects; the same questions are asked with the gate alone and
with a policy on top of it, by a role that owns nothing. Rows are synthetic.
"""

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg

from bench.processes import end_by_signals
from deploy.supervisor.services import embedded_services

ROUNDS = 60
_MAKE = """
    CREATE TABLE rls_study (id bigint PRIMARY KEY, uid text UNIQUE, day date, name text);
    CREATE TABLE rls_link (study_id bigint, project_id bigint, PRIMARY KEY (study_id, project_id));
    INSERT INTO rls_study SELECT n, '1.2.' || n, date '2020-01-01' + (n %% 2000)::int,
        'name ' || (n %% 5000) FROM generate_series(1, %(studies)s) n;
    INSERT INTO rls_link SELECT n, n %% 20 FROM generate_series(1, %(studies)s) n;
    CREATE INDEX ON rls_study (day DESC, id DESC);
    CREATE INDEX ON rls_study (name);
    CREATE INDEX ON rls_link (project_id, study_id);
    ANALYZE rls_study; ANALYZE rls_link;
    GRANT SELECT ON rls_study, rls_link TO twinsight_app;
"""
_POLICY = """
    ALTER TABLE rls_study ENABLE ROW LEVEL SECURITY;
    CREATE POLICY rls_seen ON rls_study FOR SELECT USING (EXISTS (
        SELECT FROM rls_link l WHERE l.study_id = id AND l.project_id = ANY (
            (SELECT current_setting('twinsight.projects', true))::bigint[])));
"""
_GATE = "EXISTS (SELECT FROM rls_link l WHERE l.study_id = s.id AND l.project_id IN (3, 4, 5))"
QUESTIONS = {
    "first page of the worklist": ("", " ORDER BY day DESC, id DESC LIMIT 50"),
    "a study by its UID": ("uid = '1.2.77744' AND ", ""),
    "studies of a name": ("name = 'name 44' AND ", ""),
    "a page of studies of names that begin so": ("name LIKE 'name 44%' AND ", " LIMIT 50"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200_000)
    studies = parser.parse_args().studies
    with (
        TemporaryDirectory() as folder,
        embedded_services(Path(folder), fast=True) as endpoints,
        psycopg.connect(endpoints.database_url, autocommit=True) as owner,
    ):
        for statement in (_MAKE % {"studies": studies}).split(";\n"):
            owner.execute(statement)
        owner.execute("SET ROLE twinsight_app")
        alone = _measured(owner, sets_context=False)
        owner.execute("RESET ROLE")
        for statement in _POLICY.split(";\n"):
            if statement.strip():
                owner.execute(statement)
        owner.execute("SET ROLE twinsight_app")
        walled = _measured(owner, sets_context=True)
    print("| question | gate, ms | gate and policy, ms | ratio |\n|---|---:|---:|---:|")
    for name, before in alone.items():
        ratio = walled[name] / before
        print(f"| {name} | {before:.2f} | {walled[name]:.2f} | {ratio:.2f} |")


def _measured(connection: psycopg.Connection, *, sets_context: bool) -> dict[str, float]:
    """Return the median of each question; with the policy, who asks is told before each."""
    found = {}
    for name, (condition, order) in QUESTIONS.items():
        statement = f"SELECT s.* FROM rls_study s WHERE {condition}{_GATE}{order}"  # noqa: S608 ours
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            if sets_context:
                connection.execute("SELECT set_config('twinsight.projects', '{3,4,5}', false)")
            connection.execute(statement).fetchall()
            times.append(1000 * (time.perf_counter() - began))
        found[name] = statistics.median(times[ROUNDS // 6 :])
    return found


if __name__ == "__main__":
    end_by_signals()
    main()
