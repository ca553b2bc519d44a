"""Settings of where images lie; imported by the base alone."""

from deploy.settings.environment import read_int, read_text
from deploy.settings.research import TWINSIGHT_S3_ACCESS_KEY, TWINSIGHT_S3_SECRET_KEY
from deploy.supervisor.home import Home

__all__ = [
    "TWINSIGHT_STORAGE_ACCESS_KEY",
    "TWINSIGHT_STORAGE_CACHE_BYTES",
    "TWINSIGHT_STORAGE_CACHE_DIR",
    "TWINSIGHT_STORAGE_CAPACITY_BYTES",
    "TWINSIGHT_STORAGE_RESERVE_BYTES",
    "TWINSIGHT_STORAGE_SECRET_KEY",
    "TWINSIGHT_STORAGE_TIMEOUT_S",
    "TWINSIGHT_STORAGE_URL",
]

_home = Home.locate()
_MB = 1024 * 1024

# file:///folder, or s3://bucket/prefix with ?endpoint=https://… where it is not Amazon's,
# ?region=… where one is wanted, ?sse=… where the store is to encrypt.
TWINSIGHT_STORAGE_URL = read_text("TWINSIGHT_STORAGE_URL") or _home.blobs.as_uri()
# Refuse to store when the disk where files arrive has less than this free.
TWINSIGHT_STORAGE_RESERVE_BYTES = read_int("TWINSIGHT_STORAGE_RESERVE_MB", 512) * _MB
# Of an object store: its keys (else those for exports, else boto3 looks for some), how long it may
# be silent, where files arrive and copies of what is read lie, and how large these may grow.
TWINSIGHT_STORAGE_ACCESS_KEY = read_text("TWINSIGHT_STORAGE_ACCESS_KEY") or TWINSIGHT_S3_ACCESS_KEY
TWINSIGHT_STORAGE_SECRET_KEY = read_text("TWINSIGHT_STORAGE_SECRET_KEY") or TWINSIGHT_S3_SECRET_KEY
TWINSIGHT_STORAGE_TIMEOUT_S = read_int("TWINSIGHT_STORAGE_TIMEOUT_SECONDS", 20)
TWINSIGHT_STORAGE_CACHE_DIR = read_text("TWINSIGHT_STORAGE_CACHE_DIR") or str(
    _home.root / "blob-cache"
)
TWINSIGHT_STORAGE_CACHE_BYTES = read_int("TWINSIGHT_STORAGE_CACHE_MB", 20_480) * _MB
# How much the bucket takes, where there is such a limit: the forecast goes by it.
TWINSIGHT_STORAGE_CAPACITY_BYTES = read_int("TWINSIGHT_STORAGE_CAPACITY_GB", 0) * 1024 * _MB
