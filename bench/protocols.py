"""Compare the protocols with Orthanc on a PostgreSQL index: every ratio, its goal, one command.

    python -m bench.protocols                          20,000 instances first, then all cases
    python -m bench.protocols --fill 2000 --rounds 1   a quick look

Both servers run on loopback with the same PostgreSQL release and settings for their index, hold
the same instances, and get the same requests of the same client in turn. Ours runs without its AI
workers, which the peer has none of; rights, tokens and the audit trail are on. A ratio above 1
means that Twinsight is faster. Needs Debian's packages orthanc, orthanc-dicomweb,
orthanc-postgresql, dcmtk and gcc.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import dicomweb_load, dimse_load
from bench.clients import Dicom, Measured, Target, load
from bench.material import Identity, identities
from bench.orthanc import orthanc
from bench.processes import ServerError, free_port, memory_mb
from bench.report import Case, number
from bench.servers import twinsight

SMALL_ROWS, FILL_BATCH, FILL_CONNECTIONS = 80, 20, 2
LONG = 200
DESTINATION = "BENCHDEST"


@dataclass(frozen=True)
class Work:
    """One case: what is done, what it is judged by, and the goal for the ratio."""

    name: str
    unit: str
    goal: float
    run: Callable[[Target], Measured]

    @property
    def is_rate(self) -> bool:
        """Judged by what is done in a second, else by the median time."""
        return self.unit == "instances"


@dataclass(frozen=True)
class Size:
    """How much work each case is."""

    fill: int
    instances: int
    requests: int
    seed: str


READS = {
    "QIDO studies limit=100": 20,
    "QIDO studies by PatientID": 2,
    "QIDO studies by AccessionNumber": 2,
    "QIDO studies by StudyInstanceUID": 2,
    "QIDO studies by PatientName=BEN*": 10,
    "QIDO studies by StudyDate range": 10,
    "QIDO studies by ModalitiesInStudy": 10,
    "QIDO series of a study": 1.5,
    "QIDO instances of a series": 8,
    "QIDO instance by SOPInstanceUID": 1,
    "WADO metadata of an instance": 2,
    "WADO instance": 2,
    "WADO frame": 2,
    "WADO rendered JPEG": 1.2,
    "WADO rendered PNG": 3,
}
LONG_READS = {
    "WADO metadata of a study": 20,
    "WADO metadata of a series": 20,
    "WADO series": 1.3,
}


def works(size: Size, round_number: int) -> Iterator[Work]:
    """Yield the cases of a round, stores first."""
    seed = f"{size.seed}-{round_number}"
    for batch, goals in ((1, {1: 1.0, 4: 1.5, 8: 1.5}), (20, {1: 1.5, 4: 1.5, 8: 1.5})):
        for connections, goal in goals.items():
            yield _store_work(seed, size, batch, connections, goal)
    # The peers' goal is for four; one association is shown beside it.
    for connections, goal in ((1, 1.0), (4, 1.0)):
        yield _dimse_work(seed, size, connections, goal)
    known = identities(f"{size.seed}-fill", size.fill, 25)
    large = identities(f"{seed}-stow-1-1", size.instances, 20)
    for name, goal in READS.items():
        # Pictures and files of 0.5 MB; lists among all that was filled in.
        plan = large if name.startswith("WADO") else known
        yield _read_work(name, goal, plan, size.requests, seed)
    long = identities(f"{size.seed}-long", LONG, LONG)
    for name, goal in LONG_READS.items():
        yield _read_work(name, goal, long, max(3, size.requests // 10), seed, f" of {LONG}")
    yield Work(
        "C-FIND studies, with association",
        "queries",
        5,
        lambda target: dimse_load.find_studies(_dicom(target), known, size.requests),
    )
    yield Work(
        f"C-MOVE of {LONG}",
        "instances",
        0.5,
        lambda target: dimse_load.move_study(_dicom(target), DESTINATION, long),
    )


def _store_work(seed: str, size: Size, batch: int, connections: int, goal: float) -> Work:
    count = max(size.instances, 2 * batch * connections) // batch * batch
    plan = identities(f"{seed}-stow-{batch}-{connections}", count, 20)
    return Work(
        f"STOW {batch} a request, {connections} connection{'s' * (connections > 1)}",
        "instances",
        goal,
        lambda target: dicomweb_load.store(target, plan, batch=batch, connections=connections),
    )


def _dimse_work(seed: str, size: Size, connections: int, goal: float) -> Work:
    plan = identities(f"{seed}-dimse-{connections}", size.instances, 20)
    return Work(
        f"C-STORE, {connections} association{'s' * (connections > 1)}",
        "instances",
        goal,
        lambda target: dimse_load.store(_dicom(target), plan, connections=connections),
    )


def _read_work(
    name: str, goal: float, plan: list[Identity], count: int, seed: str, suffix: str = ""
) -> Work:
    def run(target: Target) -> Measured:
        requests = dicomweb_load.read_requests(target, name, plan, count, seed)
        return load(target, requests)

    return Work(name + suffix, "requests", goal, run)


def _dicom(target: Target) -> Dicom:
    if target.dicom is None:
        raise ServerError(f"{target.name} has no DICOM listener.")
    return target.dicom


def fill(target: Target, size: Size) -> Measured:
    """Store the archive's instances, 14 kB each, and the long series."""
    plan = identities(f"{size.seed}-fill", size.fill, 25)
    done: list[Measured] = []
    # In parts: the bytes of all at once are a burden on the client.
    for at in range(0, len(plan), 2000):
        part = plan[at : at + 2000]
        done.append(
            dicomweb_load.store(
                target, part, batch=FILL_BATCH, connections=FILL_CONNECTIONS, rows=SMALL_ROWS
            )
        )
    long = identities(f"{size.seed}-long", LONG, LONG)
    dicomweb_load.store(target, long, batch=FILL_BATCH, connections=1)
    return Measured(
        sum(one.seconds for one in done),
        tuple(latency for one in done for latency in one.latencies_s),
        tuple(error for one in done for error in one.errors)[:3],
        FILL_BATCH,
    )


@contextmanager
def destination() -> Iterator[Dicom]:
    """Run dcmtk's storescp, which throws away what it gets."""
    port = free_port()
    with TemporaryDirectory(prefix="bench-dest-") as folder:
        process = subprocess.Popen(  # noqa: S603 fixed words
            ["storescp", "--ignore", "--aetitle", DESTINATION, str(port)],  # noqa: S607
            cwd=folder,
            env={**os.environ, "TCP_NODELAY": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(0.5)
            yield Dicom("127.0.0.1", port, DESTINATION)
        finally:
            process.terminate()
            process.wait()


def table(cases: list[tuple[Case, float]], ours: str, peer: str) -> str:
    """Return the Markdown table: both servers, the ratio, its goal, whether it was reached."""
    heads = [head for name in (ours, peer) for head in (f"{name} /s", "p50 ms", "p95 ms")]
    lines = [
        " | ".join(["| work", "unit", *heads, "ratio", "goal", "|"]),
        "|---|---|" + "---:|" * 8 + "---|",
    ]
    for case, goal in cases:
        ratio = case.ratio(ours, peer)
        reached = ratio != "-" and float(ratio.split()[0]) >= goal
        cells = [case.work, case.unit, *case.cells(ours), *case.cells(peer), ratio, number(goal)]
        lines.append("| " + " | ".join([*cells, "yes" if reached else "**no**"]) + " |")
    return "\n".join(lines)


def say(text: str) -> None:
    """Tell what goes on, beside the table."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def measure(
    targets: list[Target], size: Size, rounds: int, only: str
) -> tuple[list[tuple[Case, float]], dict[str, float]]:
    """Fill both, then run every case in every round, the servers in turn."""
    bulk = Case(f"bulk load of {size.fill}, 20 a request, 2 connections", "instances", by_rate=True)
    for target in targets:
        say(f"{size.fill} instances into {target.name}")
        bulk.add(target.name, fill(target, size))
    cases: dict[str, tuple[Case, float]] = {bulk.work: (bulk, 2.0)}
    peak = {target.name: memory_mb(target.pids) for target in targets}
    for round_number in range(rounds):
        for work in works(size, round_number):
            if only and only.lower() not in work.name.lower() and "STOW 1 a" not in work.name:
                continue
            case, _ = cases.setdefault(
                work.name, (Case(work.name, work.unit, work.is_rate), work.goal)
            )
            for target in targets if round_number % 2 == 0 else targets[::-1]:
                say(f"round {round_number + 1}, {work.name}, {target.name}")
                case.add(target.name, work.run(target))
                peak[target.name] = max(peak[target.name], memory_mb(target.pids))
    return list(cases.values()), peak


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fill", type=int, default=20_000, help="instances of 14 kB at first")
    parser.add_argument("--instances", type=int, default=120, help="stored in each store case")
    parser.add_argument("--requests", type=int, default=60, help="sent in each read case")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", default="", help="cases whose name holds this")
    parser.add_argument("--sqlite", action="store_true", help="Orthanc's SQLite index instead")
    parser.add_argument("--seed", default=str(int(time.time())))
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure and print; 1 where a request went wrong."""
    chosen = arguments(words)
    size = Size(chosen.fill, chosen.instances, chosen.requests, chosen.seed)
    before = os.getloadavg()[0]
    try:
        with ExitStack() as stack:
            node = stack.enter_context(destination())
            ours = stack.enter_context(twinsight(with_ai=False, destination=node))
            peer = stack.enter_context(orthanc(on_postgresql=not chosen.sqlite, destination=node))
            cases, peak = measure([ours, peer], size, chosen.rounds, chosen.only)
    except (ServerError, dimse_load.NoAssociationError) as error:
        say(str(error))
        return 1
    print(
        f"seed {size.seed}, {chosen.rounds} rounds, medians; load of the machine before "
        f"{before:.1f}\n\n{table(cases, ours.name, peer.name)}\n\nLargest memory (PSS, with "
        f"PostgreSQL): " + ", ".join(f"{name} {mb:.0f} MB" for name, mb in peak.items())
    )
    problems = [problem for case, _ in cases for problem in case.errors()]
    for problem in dict.fromkeys(problems):
        say(f"! {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
