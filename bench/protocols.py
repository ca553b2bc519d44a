"""Compare the protocols with Orthanc on a PostgreSQL index: every ratio, its goal, one command.

    python -m bench.protocols                          20,000 instances first, then all cases
    python -m bench.protocols --fill 2000 --rounds 1   a quick look
    python -m bench.protocols --only stow,c-find       some of the rows

Both servers run on loopback with the same PostgreSQL release and settings for their index, hold
the same instances, and get the same requests of the same client in turn. Ours runs without its AI
workers, which the peer has none of; rights, tokens and the audit trail are on. A ratio above 1
means that Twinsight is faster. Each row is printed when it is known: what ends the bench early
takes only the rest. "CPU ms" is the processor's time of a server and its database for a unit of
work, which a busy machine changes less than the clock's. Needs Debian's packages orthanc,
orthanc-dicomweb, orthanc-postgresql, dcmtk and gcc.
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
from bench.processes import ServerError, free_port, memory_mb, processor_seconds
from bench.report import PeerTable
from bench.servers import twinsight

SMALL_ROWS, FILL_BATCH, FILL_CONNECTIONS = 80, 20, 2
LONG = 200
DESTINATION = "BENCHDEST"


@dataclass(frozen=True)
class Work:
    """One case: what is done, what it is judged by, and the goal for the ratio; 0 for none."""

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
        "C-FIND studies by StudyDate range, with association",
        "queries",
        5,
        lambda target: dimse_load.find_dates(_dicom(target), size.requests),
    )
    # Beside the goals: one study by its key, where the association is nearly all there is.
    yield Work(
        "C-FIND studies by PatientID, with association",
        "queries",
        0,
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
    """Store the archive's instances, 14 kB each, in parts: all at once burden the client."""
    plan = identities(f"{size.seed}-fill", size.fill, 25)
    done: list[Measured] = []
    for at in range(0, len(plan), 2000):
        part = plan[at : at + 2000]
        done.append(
            dicomweb_load.store(
                target, part, batch=FILL_BATCH, connections=FILL_CONNECTIONS, rows=SMALL_ROWS
            )
        )
    return Measured(
        sum(one.seconds for one in done),
        tuple(latency for one in done for latency in one.latencies_s),
        tuple(error for one in done for error in one.errors)[:3],
        FILL_BATCH,
    )


def provide(target: Target, size: Size, rounds: int, chosen: list[str]) -> None:
    """Store what chosen rows read and no chosen row stores."""
    if any("C-MOVE" in name or f"of {LONG}" in name for name in chosen):
        long = identities(f"{size.seed}-long", LONG, LONG)
        dicomweb_load.store(target, long, batch=FILL_BATCH, connections=1)
    reads = any(name.startswith("WADO") for name in chosen)
    if reads and not any(name.startswith("STOW 1 a request, 1 ") for name in chosen):
        for number in range(rounds):
            plan = identities(f"{size.seed}-{number}-stow-1-1", size.instances, 20)
            dicomweb_load.store(target, plan, batch=FILL_BATCH, connections=1)


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


def say(text: str) -> None:
    """Tell what goes on, beside the table."""
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def measure(
    targets: list[Target], size: Size, rounds: int, only: str
) -> tuple[PeerTable, dict[str, float]]:
    """Fill both, then run every chosen row in every round, the servers in turn."""
    names = [work.name for work in works(size, 0) if _is_chosen(work.name, only)]
    if not names:
        raise ServerError(f"No row's name holds {only!r}.")
    table = PeerTable(*(target.name for target in targets))
    peak = dict.fromkeys((target.name for target in targets), 0.0)

    def run(work: Work, order: list[Target]) -> None:
        for target in order:
            say(f"{work.name}, {target.name}")
            before = processor_seconds(target.pids)
            done = work.run(target)
            spent = processor_seconds(target.pids) - before
            table.add(work.name, work.unit, target.name, done, spent, is_rate=work.is_rate)
            peak[target.name] = max(peak[target.name], memory_mb(target.pids))
        print(table.row(work.name, work.goal), flush=True)

    print(table.head(), flush=True)
    bulk = f"bulk load of {size.fill}, 20 a request, 2 connections"
    run(Work(bulk, "instances", 2.0, lambda target: fill(target, size)), targets)
    for target in targets:
        provide(target, size, rounds, names)
    for number in range(rounds):
        if number:
            print(f"\nMedians of {number + 1} rounds:\n\n{table.head()}", flush=True)
        for work in works(size, number):
            if work.name in names:
                run(work, targets if number % 2 == 0 else targets[::-1])
    return table, peak


def _is_chosen(name: str, only: str) -> bool:
    """Whether one of the words, between commas, is part of a row's name; no words choose all."""
    words = [word.strip().lower() for word in only.split(",") if word.strip()]
    return not words or any(word in name.lower() for word in words)


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--fill", type=int, default=20_000, help="instances of 14 kB at first")
    parser.add_argument("--instances", type=int, default=120, help="stored in each store case")
    parser.add_argument("--requests", type=int, default=60, help="sent in each read case")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument(
        "--only",
        default="",
        help="rows whose name holds one of these words, as in stow,wado",
    )
    parser.add_argument("--sqlite", action="store_true", help="Orthanc's SQLite index instead")
    parser.add_argument("--seed", default=str(int(time.time())))
    return parser.parse_args(words)


def main(words: list[str] | None = None) -> int:
    """Measure and print; 1 where a request went wrong."""
    chosen = arguments(words)
    size = Size(chosen.fill, chosen.instances, chosen.requests, chosen.seed)
    say(f"seed {size.seed}, {chosen.rounds} rounds, load of the machine {os.getloadavg()[0]:.1f}")
    try:
        with ExitStack() as stack:
            node = stack.enter_context(destination())
            ours = stack.enter_context(twinsight(with_ai=False, destination=node))
            peer = stack.enter_context(orthanc(on_postgresql=not chosen.sqlite, destination=node))
            table, peak = measure([ours, peer], size, chosen.rounds, chosen.only)
    except (ServerError, dimse_load.NoAssociationError) as error:
        say(str(error))
        return 1
    memory = ", ".join(f"{name} {mb:.0f} MB" for name, mb in peak.items())
    print(f"\nLargest memory (PSS, with PostgreSQL): {memory}")
    problems = table.errors()
    for problem in dict.fromkeys(problems):
        say(f"! {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
