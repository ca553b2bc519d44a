"""Measure ingest, search, retrieval and the AI of Twinsight, beside Orthanc where it is installed.

    python bench/run.py                  starts a Twinsight of its own
    python bench/run.py --url http://127.0.0.1:8000 --token tws_... [--dicom HOST:PORT/AE]

Both servers get the same load in turn, in every round, so that noise hits them alike: judge by
the ratio. What is stored is named BENCH-...: use an archive that may keep it.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench import ai_load, dicomweb_load, dimse_load, servers
from bench.clients import Dicom, Measured, Target, load
from bench.material import Identity, identities
from bench.orthanc import orthanc, orthanc_program
from bench.processes import ServerError
from bench.report import Case, table
from inference.bundles.embedder import ensure_embedder
from inference.pipelines.embedding import OnnxEmbedder

STOW_CASES = ((1, 1), (1, 4), (20, 1), (20, 4))
DIMSE_CONNECTIONS = (1, 4)
PER_STUDY = 20


@dataclass(frozen=True)
class Size:
    """How much work each case is."""

    instances: int
    requests: int
    rounds: int
    seed: str


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--url", help="a running Twinsight; else one is started for the bench")
    parser.add_argument("--token", default=os.environ.get("TWINSIGHT_TOKEN", ""))
    parser.add_argument("--dicom", help="host:port/AE title of its DICOM listener")
    parser.add_argument("--no-peer", action="store_true", help="leave Orthanc out")
    parser.add_argument("--instances", type=int, default=40, help="stored in each store case")
    parser.add_argument("--requests", type=int, default=30, help="sent in each read case")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seed", default=str(int(time.time())), help="names what is stored")
    parser.add_argument("--output", type=Path, help="write the table to this file too")
    chosen = parser.parse_args(words)
    if chosen.url and not chosen.token:
        parser.error("--url needs --token (or TWINSIGHT_TOKEN): manage.py create_api_token")
    if not 1 <= chosen.instances <= 2000 or not 1 <= chosen.requests <= 2000:
        parser.error("--instances and --requests go from 1 to 2000")
    if not 1 <= chosen.rounds <= 20:
        parser.error("--rounds goes from 1 to 20")
    return chosen


def parse_dicom(text: str) -> Dicom:
    """Read host:port/AE title."""
    place, _, ae_title = text.partition("/")
    host, _, port = place.rpartition(":")
    return Dicom(host or "127.0.0.1", int(port), ae_title or "TWINSIGHT")


@contextmanager
def targets(chosen: argparse.Namespace) -> Iterator[list[Target]]:
    """Our server first, then the peer where it is installed."""
    with ExitStack() as stack:
        if chosen.url:
            dicom = parse_dicom(chosen.dicom) if chosen.dicom else None
            headers = {"Authorization": f"Bearer {chosen.token}"}
            ours = Target(
                "Twinsight", chosen.url.rstrip("/"), headers=headers, dicom=dicom, has_ai=True
            )
        else:
            say("starting a Twinsight of its own")
            ours = stack.enter_context(servers.twinsight())
        found = [ours]
        if not chosen.no_peer and orthanc_program():
            found.append(stack.enter_context(orthanc()))
        yield found


def say(text: str) -> None:
    """Tell what goes on, beside the table."""
    print(text, file=sys.stderr, flush=True)


def measure(servers_: list[Target], size: Size) -> list[Case]:
    """Run every case in every round, the servers in turn."""
    cases: dict[str, Case] = {}
    for number in range(size.rounds):
        order = servers_ if number % 2 == 0 else servers_[::-1]
        for target in order:
            say(f"round {number + 1} of {size.rounds}: {target.name}")
            for work, unit, by_rate, run in _works(target, size, number):
                case = cases.setdefault(work, Case(work, unit, by_rate))
                case.add(target.name, run())
    return list(cases.values())


Work = tuple[str, str, bool, Callable[[], Measured]]


def _works(target: Target, size: Size, number: int) -> Iterator[Work]:
    seed = f"{size.seed}-{number}"
    for batch, connections in STOW_CASES:
        count = max(size.instances, batch * connections) // batch * batch
        plan = identities(f"{seed}-stow-{batch}-{connections}", count, PER_STUDY)
        name = f"STOW {batch} a request, {connections} connection{'s' * (connections > 1)}"

        def run(
            plan: list[Identity] = plan, batch: int = batch, connections: int = connections
        ) -> Measured:
            return dicomweb_load.store(target, plan, batch=batch, connections=connections)

        yield name, "instances", True, run
        _settle(target, plan)
    known = identities(f"{seed}-stow-1-1", size.instances, PER_STUDY)
    yield from _dimse_works(target, size, seed)
    if target.has_ai:
        yield from _embedding_works(target, size, seed)
    yield from _read_works(target, size, seed, known)
    if target.has_ai:
        yield (
            "similar cases of a series",
            "answers",
            False,
            lambda: ai_load.search(target, known, size.requests),
        )


def _settle(target: Target, plan: list[Identity]) -> None:
    if target.has_ai:
        ai_load.settle(target, [identity.study for identity in plan])


def bare_embedding(name: str, size: Size) -> Case:
    """Preprocessing and network in this process: the bound of the embedding in the product."""
    case = Case("embedding alone, batches of 8", "images", by_rate=True)
    with tempfile.TemporaryDirectory(prefix="bench-model-") as folder:
        embedder = OnnxEmbedder(ensure_embedder(Path(folder)), intra_op_threads=1)
        for _ in range(size.rounds):
            case.add(name, ai_load.bare_embedding(embedder, max(8, size.instances)))
    return case


def _dimse_works(target: Target, size: Size, seed: str) -> Iterator[Work]:
    dicom = target.dicom
    if dicom is None:
        return
    for connections in DIMSE_CONNECTIONS:
        plan = identities(f"{seed}-dimse-{connections}", size.instances, PER_STUDY)

        def run(plan: list[Identity] = plan, connections: int = connections) -> Measured:
            try:
                return dimse_load.store(dicom, plan, connections=connections)
            except dimse_load.NoAssociationError as error:
                return Measured(0, (), (str(error),))

        name = f"C-STORE, {connections} association{'s' * (connections > 1)}"
        yield name, "instances", True, run
        _settle(target, plan)


def _embedding_works(target: Target, size: Size, seed: str) -> Iterator[Work]:
    """Store a plan and wait for its vectors: what the AI adds to the store."""
    plan = identities(f"{seed}-embed", size.instances, PER_STUDY)

    def run() -> Measured:
        start = time.perf_counter()
        stored = dicomweb_load.store(target, plan, batch=PER_STUDY, connections=1)
        studies = [identity.study for identity in plan]
        done, _ = ai_load.wait_until_embedded(target, studies)
        seconds = time.perf_counter() - start
        errors = stored.errors if done >= len(plan) else (*stored.errors, "vectors missing")
        return Measured(seconds, (seconds,), errors, units=done)

    yield "store to vectors, whole product", "images", True, run
    _settle(target, plan)


def _read_works(target: Target, size: Size, seed: str, known: list[Identity]) -> Iterator[Work]:
    for work in (*dicomweb_load.SEARCHES, *dicomweb_load.RETRIEVALS):

        def run(work: str = work) -> Measured:
            requests = dicomweb_load.read_requests(target, work, known, size.requests, seed)
            return load(target, requests)

        yield work, "requests", False, run


def main(words: list[str] | None = None) -> int:
    """Measure and print the table; 1 where a request went wrong."""
    chosen = arguments(words)
    size = Size(chosen.instances, chosen.requests, chosen.rounds, chosen.seed)
    before = os.getloadavg()[0]
    try:
        with targets(chosen) as found:
            cases = measure(found, size)
            cases.append(bare_embedding(found[0].name, size))
            names = [target.name for target in found]
    except ServerError as error:
        say(str(error))
        return 1
    text = table(cases, names)
    print(
        f"seed {size.seed}, {size.rounds} rounds, medians; 512 x 512 CT of 0.5 MB; "
        f"load of the machine before {before:.1f}\n\n{text}"
    )
    if chosen.output:
        chosen.output.write_text(text + "\n")
    problems = [problem for case in cases for problem in case.errors()]
    for problem in dict.fromkeys(problems):
        say(f"! {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
