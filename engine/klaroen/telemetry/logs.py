"""Log lines: JSON on stderr, for people who run the system; nobody in it can be recognised.

Law: a key that could hold a member's address, a text or a secret is never written, whatever its value; and a value
that looks like a number or a mail address is replaced, whatever its key. Libraries' lines pass the same gate.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import msgspec
import structlog

WITHHELD: Final = "[withheld]"

_KEYS: Final = frozenset(
    {
        *("address", "addresses", "email", "landline", "mail", "mobile", "msisdn", "number", "numbers", "phone"),
        *("recipient", "recipients", "to", "whatsapp", "url"),
        *("body", "content", "short_message", "subject", "text", "texts"),
        *("authorization", "password", "secret", "token"),
    }
)
"""Whole keys: `token_name` and `number_count` say nothing about anybody."""

_PATTERNS: Final = re.compile(
    r"(?<![\w.])(?:\+|%2[Bb])\d{7,15}(?!\w)"  # E.164, as in a path or a query too
    r"|(?<![\w.+-])(?:00)?32\d{8,9}(?![\w.-])"  # Belgian, as carriers write it
    r"|(?<![\w.+-])0[1-9](?:[ ./]?\d){7,8}(?![\w-])"  # Belgian, as people write it
    r"|[\w.%+-]+@[\w-]+(?:\.[\w-]+)+"
)


def redact(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: what the law forbids is replaced."""
    for key, value in event.items():
        if not key.startswith("_"):  # the formatter's own, which it takes out again
            event[key] = WITHHELD if key in _KEYS else _clean(value)
    return event


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _PATTERNS.sub(WITHHELD, value)
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, Mapping):
        return {key: WITHHELD if key in _KEYS else _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(item) for item in value]
    if isinstance(value, bool | int | float) or value is None:
        return value
    return _PATTERNS.sub(WITHHELD, str(value))


def configure_logging(process: str) -> None:
    """Send every line of this process, ours and the libraries', to stderr as one JSON object."""
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _named(process),
        structlog.processors.format_exc_info,
        redact,
    ]
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, _as_json],
    )
    outlet = logging.StreamHandler(sys.stderr)
    outlet.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [outlet]
    root.setLevel(logging.INFO)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):  # they write addresses of requests at INFO
        logging.getLogger(chatty).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def _named(process: str) -> Any:
    def name(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"process": process, **event}

    return name


def _as_json(_logger: object, _method: str, event: MutableMapping[str, Any]) -> str:
    return msgspec.json.encode(event).decode()
