"""One REDIS_URL, spelled for redis-py and for Celery."""

from urllib.parse import parse_qs, urlsplit


def with_redis_database(redis_url: str, database: int) -> str:
    """Return the same server with another numbered database, in redis-py's spelling."""
    parts = urlsplit(redis_url)
    if parts.scheme == "unix":
        return f"unix://{parts.path}?db={database}"
    return parts._replace(path=f"/{database}").geturl()


def celery_url(redis_url: str) -> str:
    """Return the URL as Kombu wants it: sockets have a scheme of their own."""
    parts = urlsplit(redis_url)
    if parts.scheme != "unix":
        return redis_url
    database = parse_qs(parts.query).get("db", ["0"])[0]
    return f"redis+socket://{parts.path}?virtual_host={database}"
