"""How long a backup takes while the archive runs, the next one, and the way back.

    python -m bench.backup [--studies 100000] [--vectors 20000] [--files 8000]

Rows are synthetic (`bench.study_rows`), with a file of 4 kB behind each image; beside them lie
files of half a megabyte. The peer is what one would do by hand: `pg_dump`, then `cp -r` of the
files, and back `pg_restore` and `cp -r`, which neither compare hashes, nor wait for the disk, nor
read anything again.
"""

import argparse
import gzip
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.portal import archive_at, database_at, prepare

ROOT = Path(__file__).resolve().parents[1]
FILE_BYTES = 512 * 1024
_BATCH = 64


def store_small_files(home: Path) -> None:
    """Put a small file behind each row, without waiting for the disk."""
    from django.db import connection  # noqa: PLC0415 after setup

    from archive.models import Blob  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE archive_blob SET size_bytes = 4096, "
            "sha256 = encode(sha256(convert_to(rpad(id::text, 4096), 'UTF8')), 'hex')"
        )
    for key, sha256 in Blob.objects.values_list("pk", "sha256").iterator():
        place = home / "blobs" / "sha256" / sha256[:2] / sha256
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        place.write_bytes(str(key).ljust(4096).encode())


def store_files(count: int) -> None:
    """Keep files that nobody else has, with their rows."""
    from archive.models import Blob  # noqa: PLC0415 after setup
    from archive.storage.stores import blob_store  # noqa: PLC0415

    for start in range(0, count, _BATCH):
        rows, spools = [], []
        for _ in range(min(_BATCH, count - start)):
            content = os.urandom(FILE_BYTES)
            spool = blob_store().spool()
            spool.write(content)
            spools.append(spool)
            digest = hashlib.sha256(content).hexdigest()
            rows.append(Blob(sha256=digest, size_bytes=len(content)))
        blob_store().keep(spools)
        for spool in spools:
            spool.close()
        Blob.objects.bulk_create(rows)


def manage(home: Path, *words: str) -> float:
    """Run a command; return its seconds."""
    outside = {"DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE"}
    environ = {name: value for name, value in os.environ.items() if name not in outside}
    start = time.perf_counter()
    subprocess.run(  # noqa: S603 our own commands
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**environ, "TWINSIGHT_HOME": str(home)},
        check=True,
    )
    return time.perf_counter() - start


def by_hand(home: Path, folder: Path) -> tuple[float, float]:
    """Dump and copy, then load and copy back; return the seconds of each."""
    from django.db import connection  # noqa: PLC0415 after setup

    from deploy.backups.dumping import run_program  # noqa: PLC0415

    dump, there, back = folder / "dump", folder / "blobs", folder / "back"
    start = time.perf_counter()
    run_program("pg_dump", "--format=custom", f"--file={dump}")
    shutil.copytree(home / "blobs", there)
    out = time.perf_counter() - start
    with connection.cursor() as cursor:
        cursor.execute("CREATE DATABASE by_hand")
    start = time.perf_counter()
    switches = ("--single-transaction", "--no-comments", "--no-owner")
    run_program("pg_restore", *switches, "--dbname=by_hand", str(dump))
    shutil.copytree(there, back)
    return out, time.perf_counter() - start


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100_000)
    parser.add_argument("--vectors", type=int, default=20_000)
    parser.add_argument("--files", type=int, default=8_000)
    options = parser.parse_args()
    with TemporaryDirectory(prefix="bench-backup-") as place:
        folder = Path(place)
        home, backups = folder / "home", folder / "backups"
        with database_at(home), archive_at(home, ""):
            prepare(options)
            store_small_files(home)
            store_files(options.files)
            first = manage(home, "backup", str(backups), "--no-progress")
            again = manage(home, "backup", str(backups), "--no-progress")
            hand_out, hand_back = by_hand(home, folder)
        restored = manage(folder / "again", "restore", str(backups), "--no-progress")
        dump = max(backups.glob("*/database.dump")).stat().st_size / 1e6
        with gzip.open(max(backups.glob("*/blobs.gz")), "rt") as lines:
            sizes = [int(line.split()[1]) for line in lines]
    print(f"{options.studies:,} studies (dump {dump:,.0f} MB),", end=" ")
    print(f"{len(sizes):,} files ({sum(sizes) / 1e9:.1f} GB)")
    print("| | seconds | by hand | times as long |\n|---|---|---|---|")
    print(f"| first backup | {first:.0f} | {hand_out:.0f} | {first / hand_out:.2f} |")
    print(f"| the next one | {again:.0f} | {hand_out:.0f} | {again / hand_out:.2f} |")
    back = f"{restored:.0f} | {hand_back:.0f} | {restored / hand_back:.2f}"
    print(f"| restored, every file read again | {back} |")


if __name__ == "__main__":
    main()
