"""Log lines for those who run the system, in which nobody can be recognised."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from klaroen.telemetry import configure_logging

Lines = Callable[[], list[dict[str, object]]]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    stderr = io.StringIO()
    with monkeypatch.context() as patch:
        patch.setattr("sys.stderr", stderr)
        configure_logging("dispatch")
    yield lambda: [json.loads(line) for line in stderr.getvalue().splitlines()]
    structlog.reset_defaults()
    root.handlers[:] = before
    root.setLevel(level)
    for chatty in ("httpx", "httpcore", "uvicorn.access"):
        logging.getLogger(chatty).setLevel(logging.NOTSET)


def test_a_line_is_one_object(lines: Lines) -> None:
    """On stderr, with the process, the instant in UTC and what was given."""
    structlog.get_logger().info("bind lost", carrier="proximus", bind=1, after_s=2.5, up=False, why=None)
    [line] = lines()
    assert str(line.pop("at")).endswith("Z")
    assert {
        "process": "dispatch",
        "event": "bind lost",
        "level": "info",
        "carrier": "proximus",
        "bind": 1,
        "after_s": 2.5,
        "up": False,
        "why": None,
    } == line


@pytest.mark.parametrize(
    "words",
    [
        "+32475123456",
        "to=%2B32475123456&x",
        "0032475123456",
        "32475123456",
        "0475 12 34 56",
        "0475/12.34.56",
        "02 123 45 67",
        "021234567",
        "jan.peeters+bin@example.be",
    ],
)
@pytest.mark.parametrize("give", [str, lambda words: [{"x": (words,)}], lambda words: {"x": words}, OSError])
def test_what_looks_like_an_address_is_withheld(words: str, give: Callable[[str], object], lines: Lines) -> None:
    """Whatever key it comes under, and in the line itself."""
    structlog.get_logger().warning(f"answer for {words}", x=give(words))
    [line] = lines()
    assert words not in json.dumps(line)
    assert "[withheld]" in json.dumps(line["x"])
    assert str(line["event"]).startswith("answer for ")


@pytest.mark.parametrize("key", ["number", "phone", "email", "text", "content", "token", "password", "to", "url"])
def test_what_a_key_names_is_withheld(key: str, lines: Lines) -> None:
    """A text cannot be told from other words, so its key decides, at any depth."""
    structlog.get_logger().info("x", **{key: "Inbraak bezig"}, deep={key: ["Inbraak bezig"]})
    assert "Inbraak" not in json.dumps(lines())


@pytest.mark.parametrize(
    "words",
    [
        "AT0123456789abcdefghijklmn",
        "2026-11-21T08:15:30.123Z",
        "127.0.0.1:2775",
        "BIN-0001",
        "0x00000058",
        "1795300000000",
        "pid 3247",
        "0.055",
    ],
)
def test_what_is_no_address_stays(words: str, lines: Lines) -> None:
    """Ids, instants, ports and codes are what an operator looks for."""
    structlog.get_logger().info(words)
    assert words == lines()[0]["event"]


def test_bytes_are_told_by_their_size(lines: Lines) -> None:
    """A PDU holds the text and the number."""
    structlog.get_logger().info("unreadable PDU", pdu=b"\x00\x01")
    assert lines()[0]["pdu"] == "2 bytes"


def test_other_values_are_told_in_words(lines: Lines) -> None:
    """An id of a type of our own is written as it prints itself."""
    structlog.get_logger().info("x", networks=frozenset({"BIN-0001"}), kind=ValueError("+32475123456"))
    [line] = lines()
    assert (["BIN-0001"], "[withheld]") == (line["networks"], line["kind"])


def test_libraries_pass_the_same_gate(lines: Lines) -> None:
    """What uvicorn or httpx say comes as JSON too, exceptions included."""
    try:
        int("no route to +32475123456")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("Exception for %s", "jan@example.be")
    [line] = lines()
    assert ("Exception for [withheld]", "error", "dispatch") == (line["event"], line["level"], line["process"])
    assert "no route to [withheld]" in str(line["exception"])


def test_libraries_that_tell_every_request_are_quiet(lines: Lines) -> None:
    """A request's address can hold a number and a text."""
    logging.getLogger("httpx").info("HTTP Request: GET http://gateway/?text=Inbraak")
    logging.getLogger("asyncio").debug("x")
    structlog.get_logger().debug("x")
    assert lines() == []
