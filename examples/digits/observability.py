"""What the service tells the outside: one JSON object a log line on stdout, and metrics for Prometheus."""

from __future__ import annotations

import json
import logging
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import Counter, Gauge, Histogram

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUESTS = Counter("http_requests", "Requests answered", ["route", "status"])
LATENCY = Histogram("http_request_seconds", "Seconds until the last byte of the answer", ["route"])
MODEL_LOAD = Gauge("model_load_seconds", "Seconds that importing torch and loading the model took")


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without the newline."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.name == "uvicorn.access" and isinstance(record.args, tuple):
            line |= zip(("client", "method", "path", "http", "status"), record.args, strict=False)
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def without_probes(record: logging.LogRecord) -> bool:
    """False for access records of /health and /metrics, which machines ask for every few seconds."""
    return not (isinstance(record.args, tuple) and len(record.args) > 2 and record.args[2] in {"/health", "/metrics"})


LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": JsonFormatter}},
    "handlers": {"stdout": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout", "formatter": "json"}},
    "root": {"handlers": ["stdout"], "level": "INFO"},
    "loggers": {"uvicorn.access": {"filters": [without_probes]}},
}
"""For `logging.config.dictConfig`; uvicorn's own loggers pass their records on to the root logger."""


class Metrics:
    """ASGI middleware that counts and times requests by route, never by address, so that labels stay few."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def watch(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self.app(scope, receive, watch)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            REQUESTS.labels(route, status).inc()
            LATENCY.labels(route).observe(time.perf_counter() - started)
