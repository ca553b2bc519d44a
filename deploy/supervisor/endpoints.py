"""Where the database and the broker are, as URLs that Django, redis-py and Celery read."""

import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit


@dataclass(frozen=True)
class Endpoints:
    """URLs of the services of one home."""

    database_url: str
    redis_url: str

    def as_environment(self) -> dict[str, str]:
        return {"DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url}

    @classmethod
    def read(cls, path: Path) -> "Endpoints | None":
        try:
            return cls(**json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def socket_database_url(
    socket_dir: Path, *, user: str = "twinsight", name: str = "twinsight"
) -> str:
    # The directory is a query value, not the host part: host names are folded to lower case.
    return f"postgresql://{user}@/{name}?host={quote(str(socket_dir), safe='/')}"


def socket_redis_url(socket: Path, *, database: int = 0) -> str:
    return f"unix://{quote(str(socket), safe='/')}?db={database}"


def with_redis_database(redis_url: str, database: int) -> str:
    """Point a redis-py URL at another numbered database of the same server."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={database}"
    return parts._replace(path=f"/{database}").geturl()


def celery_url(redis_url: str) -> str:
    """Turn a redis-py URL into the spelling that Kombu and Celery's result backend want."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"
