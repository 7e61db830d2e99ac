"""Structured logs: one line per event, on standard output, never a secret.

Code logs through `structlog.get_logger()` with an event and plain keys. What the
libraries say through `logging` comes out of the same door. Values under a key that
names a secret are replaced; tracebacks and the libraries' own texts lose what may carry
user data (PostgreSQL's DETAIL repeats the row). The text of our own events is not looked
at: that is what makes the one `[OTP STUB]` line possible, and every other event must be a
constant.
"""

import logging
import re
import sys
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from halobestie.settings import LogFormat

REDACTED = "…"

_SECRET_KEY = re.compile(
    r"pass(word|wd)|secret|token|authori[sz]ation|cookie|credential|api_?key|"
    r"phone|otp|^code$|(^|_)(content|comment|body|text|url|dsn)$",
    re.IGNORECASE,
)
_USER_DATA = re.compile(
    r"(?P<detail>^DETAIL:).*$"  # PostgreSQL: "Key (phone)=(+62…) already exists."
    r"|(?P<argument>invalid input for query argument \$\d+:).*$"  # asyncpg repeats the value
    r"|\+?\b(?:62|0)8\d{7,12}\b"  # Indonesian mobile numbers
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"  # JSON web tokens
    r"|(?P<url>\b[a-z][a-z0-9+.-]*://)[^\s/@]+@",  # user:password@ in a URL
    re.MULTILINE,
)

# Libraries that tell more than an operator wants: one line per request or per query.
_QUIET_LOGGERS = ("httpx", "httpcore", "hypercorn.access", "aiosql", "asyncio")


def configure_logging(
    log_format: LogFormat | None = None,
    *,
    level: int = logging.INFO,
    stream: TextIO | None = None,
) -> None:
    """Send every log of the process to `stream` (standard output) from now on.

    Without a format: console on a terminal, else json.
    """
    out = sys.stdout if stream is None else stream
    chosen = log_format or ("console" if out.isatty() else "json")
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_shared(), redact_library_text], processors=_rendering(chosen, out)
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("hypercorn.error", "quart.app", "quart.serving", "asyncpg", *_QUIET_LOGGERS):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    for name in _QUIET_LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        redact_secrets,
    ]


def _rendering(chosen: LogFormat, out: TextIO) -> list[Processor]:
    common: list[Processor] = [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.format_exc_info,
        redact_exception_text,
    ]
    if chosen == "json":
        return [*common, structlog.processors.JSONRenderer(ensure_ascii=False, default=str)]
    return [*common, structlog.dev.ConsoleRenderer(colors=out.isatty(), pad_event_to=0)]


def redact_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Replace what stands under a key that names a secret."""
    for key in event:
        if key != "event" and _SECRET_KEY.search(key):
            event[key] = REDACTED
    return event


def redact_exception_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take user data out of a rendered traceback."""
    return _without_user_data(event, "exception")


def redact_library_text(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take user data out of what a library logged."""
    return _without_user_data(event, "event")


def _without_user_data(event: EventDict, key: str) -> EventDict:
    text = event.get(key)
    if isinstance(text, str):
        event[key] = _USER_DATA.sub(_blank, text)
    return event


def _blank(found: re.Match[str]) -> str:
    if found["url"]:
        return f"{found['url']}{REDACTED}@"
    kept = found["detail"] or found["argument"]
    return f"{kept} {REDACTED}" if kept else REDACTED
