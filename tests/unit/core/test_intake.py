"""An alert as it is posted: what is taken, and how each fault is told."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.errors import InputError
from klaroen.core.intake import EXPIRES_IN_S, POINTS_MAX, AlertRequest, read_alert

LEAST: dict[str, Any] = {"class": "warm", "targets": {"zones": ["Z1"]}, "content": {"nl": {"text": "Inbraak bezig."}}}
CONTRACT_EXAMPLE = """
{"class": "warm", "mode": "live",
 "targets": {"networks": ["BIN-0001"], "zones": ["Z1"], "kinds": ["self_employed"]},
 "content": {"nl": {"text": "Inbraak bezig in de Kerkstraat. Let op een witte bestelwagen. Bel 101."}},
 "expires_in_s": 1800, "confirm": false, "reference": "2026-118", "author": "insp. 4711"}
"""
SQUARE = [[4.0, 51.0], [4.1, 51.0], [4.1, 51.1], [4.0, 51.1], [4.0, 51.0]]


def posted(**changes: Any) -> bytes:
    return json.dumps({**LEAST, **{key.rstrip("_"): value for key, value in changes.items()}}).encode()


def polygon(*rings: list[list[float]]) -> dict[str, Any]:
    return {"targets": {"area": {"type": "Polygon", "coordinates": rings}}}


def fault(body: bytes) -> tuple[str, object, object]:
    with pytest.raises(InputError) as caught:
        read_alert(body)
    problem = caught.value.problem
    return problem.name, problem.at, problem.rule


def words(body: bytes) -> str:
    with pytest.raises(InputError) as caught:
        read_alert(body)
    return caught.value.problem.detail


def test_the_contracts_example_is_taken_as_it_stands() -> None:
    """Names and shapes of the contract are promises."""
    request = read_alert(CONTRACT_EXAMPLE.encode())
    assert (request.alert_class, request.mode, request.lifetime_s) == ("warm", "live", 1800)
    assert request.targets.networks == ("BIN-0001",)
    assert list(request.content.by_language()) == ["nl"]


@pytest.mark.parametrize(("alert_class", "seconds"), EXPIRES_IN_S.items())
def test_an_alert_lives_as_long_as_its_class_does(alert_class: str, seconds: int) -> None:
    """Defaults: crisis 14,400, warm 3,600, public_interest 43,200, cold 259,200."""
    assert read_alert(posted(class_=alert_class)).lifetime_s == seconds
    assert read_alert(posted(class_=alert_class, expires_in_s=10)).lifetime_s == 10


@pytest.mark.parametrize(
    ("alert_class", "urgent", "expected"),
    [
        ("crisis", None, True),
        ("warm", None, True),
        ("cold", None, False),
        ("public_interest", None, False),
        ("public_interest", False, False),
        ("public_interest", True, True),
    ],
)
def test_only_of_public_interest_does_the_sender_choose_urgency(
    alert_class: str, urgent: bool | None, expected: bool
) -> None:
    """Channels: urgent for crisis and warm, non-urgent for cold, and by `urgent` for public_interest."""
    assert read_alert(posted(class_=alert_class, urgent=urgent)).is_urgent is expected


@pytest.mark.parametrize("text", ["a\r\nb\tc\n", " ", "e\u0301", "👩‍👩‍👧", "\u00a0", "\u2028", "x" * 2000, "🚨" * 2000])
def test_R10_a_text_is_kept_exactly(text: str) -> None:
    """Nothing is trimmed, normalised or translated; 2,000 characters are 2,000 code points."""
    read = read_alert(posted(class_="crisis", content={"nl": {"text": text}}))
    assert read.content.nl is not None
    assert read.content.nl.text == text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe{}",
        b'"\xed\xa0\x80"',
        b"\xef\xbb\xbf{}",
        b"{",
        b"{} {}",
        b'{"a": 1, "a": 2}',
        b'{"targets": {"zones": ["a"], "zones": ["b"]}}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'["\\udc00\\ud800"]',
        b"[NaN]",
        b"[-Infinity]",
        b"[" + b"9" * 5000 + b"]",
        b"[" * 33 + b"]" * 33,
        b'{"a":' * 33 + b"1" + b"}" * 33,
        b"[" * 500_000,
        b'{"a":' * 100_000,
        b'"\x00"',
    ],
)
def test_a_body_that_can_be_read_in_two_ways_is_malformed(body: bytes) -> None:
    """Not UTF-8, not JSON, a name repeated, a lone surrogate, NaN, deeper than 32: 400."""
    assert fault(body) == ("malformed", msgspec.UNSET, msgspec.UNSET)


@pytest.mark.parametrize("body", [b"[" * 32 + b"]" * 32, b"3", b"null", b'"\\ud83d\\ude80"', b"true", b"[1e999]"])
def test_a_body_that_is_json_but_no_alert_is_invalid(body: bytes) -> None:
    """Well-formed to the last bracket: the fault is the caller's meaning, not their JSON."""
    assert fault(body) == ("invalid", "$", msgspec.UNSET)


@pytest.mark.parametrize(
    ("changes", "at"),
    [
        ({"colour": "red"}, "$.colour"),
        ({"two words": 1}, "$"),
        ({"class_": "hot"}, "$.class"),
        ({"class_": 3}, "$.class"),
        ({"mode": "test"}, "$.mode"),
        ({"targets": {}}, "$.targets"),
        ({"targets": []}, "$.targets"),
        ({"targets": {"zones": []}}, "$.targets.zones"),
        ({"targets": {"zones": [3]}}, "$.targets.zones[0]"),
        ({"targets": {"zones": ["Z1", ""]}}, "$.targets.zones[1]"),
        ({"targets": {"zones": ["Z1\n"]}}, "$.targets.zones[0]"),
        ({"targets": {"networks": ["x" * 41]}}, "$.targets.networks[0]"),
        ({"targets": {"networks": ["x"] * 5001}}, "$.targets.networks"),
        ({"targets": {"bins": ["x"]}}, "$.targets.bins"),
        ({"targets": {"kinds": ["residents"]}}, "$.targets.kinds"),
        ({"targets": {"kinds": ["residents"], "networks": ["BIN-1"]}}, "$.targets.kinds"),
        ({"targets": {"zones": ["Z1"], "kinds": ["clubs"]}}, "$.targets.kinds[0]"),
        ({"targets": {"all": False}}, "$.targets.all"),
        ({"targets": {"all": 1}}, "$.targets.all"),
        ({"targets": {"all": True, "zones": ["Z1"]}}, "$.targets.all"),
        ({"targets": {"streets": [{"municipality": "Gent"}]}}, "$.targets.streets[0].street"),
        ({"targets": {"near": {"point": [181, 0], "radius_m": 5}}}, "$.targets.near.point[0]"),
        ({"targets": {"near": {"point": [4, 91]}}}, "$.targets.near.point[1]"),
        ({"targets": {"near": {"point": [4], "radius_m": 5}}}, "$.targets.near.point"),
        ({"targets": {"near": {"point": [4, 51], "radius_m": 0}}}, "$.targets.near.radius_m"),
        ({"targets": {"near": {"point": [4, 51], "radius_m": 50_001}}}, "$.targets.near.radius_m"),
        ({"targets": {"area": {"coordinates": [SQUARE]}}}, "$.targets.area.type"),
        ({"targets": {"area": {"type": "Point", "coordinates": [SQUARE]}}}, "$.targets.area.type"),
        (polygon(), "$.targets.area.coordinates"),
        (polygon(SQUARE[:3]), "$.targets.area.coordinates[0]"),
        (polygon(SQUARE, SQUARE[:-1]), "$.targets.area.coordinates[1]"),
        (polygon([*SQUARE, [4.0]]), "$.targets.area.coordinates[0][5]"),
        ({"content": {}}, "$.content"),
        ({"content": {"nl": None}}, "$.content"),
        ({"content": {"it": {"text": "x"}}}, "$.content.it"),
        ({"content": {"nl": {}}}, "$.content.nl.text"),
        ({"content": {"nl": {"text": ""}}}, "$.content.nl.text"),
        ({"content": {"fr": {"text": "x" * 2001}}}, "$.content.fr.text"),
        ({"content": {"nl": {"text": "x", "subject": "a\nBcc: b"}}}, "$.content.nl.subject"),
        ({"content": {"nl": {"text": "x", "subject": ""}}}, "$.content.nl.subject"),
        ({"expires_in_s": 9}, "$.expires_in_s"),
        ({"expires_in_s": 259_201}, "$.expires_in_s"),
        ({"expires_in_s": 60.5}, "$.expires_in_s"),
        ({"expires_in_s": "60"}, "$.expires_in_s"),
        ({"confirm": 1}, "$.confirm"),
        ({"channels": []}, "$.channels"),
        ({"channels": ["sms", "pigeon"]}, "$.channels[1]"),
        ({"urgent": True}, "$.urgent"),
        ({"class_": "cold", "urgent": False}, "$.urgent"),
        ({"reference": "x" * 201}, "$.reference"),
        ({"reference": "a\n"}, "$.reference"),
        ({"author": ""}, "$.author"),
        ({"author": "\x7f"}, "$.author"),
        ({"recording": {"nl": "abc"}}, "$.recording.nl"),
        ({"recording": {"nl": "A" * 27}}, "$.recording.nl"),
        ({"recording": {"it": "A" * 26}}, "$.recording.it"),
        ({"content": {}, "recording": {}}, "$.content"),
        ({"supersedes": ""}, "$.supersedes"),
        ({"supersedes": "a" * 41}, "$.supersedes"),
        ({"extends": ""}, "$.extends"),
        ({"extends": "A1", "supersedes": "A2"}, "$.extends"),
    ],
)  # fmt: skip
def test_each_fault_is_told_with_its_path(changes: dict[str, Any], at: str) -> None:
    """What is not understood is refused, naming the field."""
    assert fault(posted(**changes)) == ("invalid", at, msgspec.UNSET)


@pytest.mark.parametrize("missing", ["class", "targets", "content"])
def test_what_is_required_is_asked_for(missing: str) -> None:
    """Required: class, targets, content."""
    body = json.dumps({key: value for key, value in LEAST.items() if key != missing}).encode()
    assert fault(body) == ("invalid", f"$.{missing}", msgspec.UNSET)


@pytest.mark.parametrize("control", ["\x00", "\x07", "\x0b", "\x0c", "\x1b", "\x7f", "\x85", "\x9f"])
def test_a_control_character_is_refused_because_no_channel_carries_it_exactly(control: str) -> None:
    """All but LF, CR and tab."""
    assert fault(posted(content={"nl": {"text": f"a{control}b"}})) == ("invalid", "$.content.nl.text", msgspec.UNSET)


def test_R10_confirm_adds_words_and_is_refused_for_crisis() -> None:
    """What a member receives is what the authority sent, with nothing added."""
    assert fault(posted(class_="crisis", confirm=True)) == ("invalid", "$.confirm", "R10")
    assert read_alert(posted(class_="warm", confirm=True)).confirm


def test_R10_crisis_never_goes_by_whatsapp() -> None:
    """Never `whatsapp`, not even where the sender asks."""
    assert fault(posted(class_="crisis", channels=["sms", "whatsapp"])) == ("invalid", "$.channels[1]", "R10")
    assert read_alert(posted(class_="crisis", channels=["sms"])).channels == ("sms",)


def test_a_polygon_may_have_ten_thousand_points_and_no_more() -> None:
    """Over all rings together."""

    def ring(points: int) -> list[list[float]]:
        return [[4.0, 51.0], *([4.0 + index * 1e-6, 51.1] for index in range(points - 2)), [4.0, 51.0]]

    def area(*rings: int) -> bytes:
        return posted(**polygon(*map(ring, rings)))

    assert read_alert(area(POINTS_MAX - 4, 4)).targets.area is not None
    assert fault(area(POINTS_MAX - 4, 5)) == ("invalid", "$.targets.area.coordinates", msgspec.UNSET)
    assert fault(area(POINTS_MAX + 1)) == ("invalid", "$.targets.area.coordinates[0]", msgspec.UNSET)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"class_": "hot"}, "class must be one of cold, crisis, public_interest, warm."),
        ({"targets": {"zones": ["Z1"], "kinds": ["clubs"]}},
         "targets.kinds[0] must be one of business_park, professional, residents, self_employed."),
        ({"targets": {"all": False}}, "targets.all must be true."),
        ({"targets": {"zones": [3]}}, "targets.zones[0] must be text, not a whole number."),
        ({"expires_in_s": 60.0}, "expires_in_s must be a whole number, not a decimal number."),
        ({"expires_in_s": 9}, "expires_in_s must be at least 10."),
        ({"targets": {"near": {"point": [4, 91], "radius_m": 1}}}, "targets.near.point[1] must be at most 90."),
        ({"targets": {"near": {"point": [4, 1, 2], "radius_m": 1}}}, "targets.near.point must have exactly 2 items."),
        ({"targets": {"near": {"point": [4, 1], "radius_m": 0}}}, "targets.near.radius_m must be more than 0."),
        ({"content": {"nl": {"text": "x" * 2001}}}, "content.nl.text must have at most 2000 characters."),
        ({"content": {"nl": {"text": "\x00"}}},
         "content.nl.text holds a control character that cannot be carried exactly."),
        ({"channels": []}, "channels must not be empty."),
        ({"targets": {"zones": ["Z"] * 1001}}, "targets.zones must have at most 1000 items."),
        ({"colour": 1}, "colour is not known here."),
        ({"content": {"nl": {}}}, "content.nl.text must be given."),
    ],
)  # fmt: skip
def test_a_fault_is_told_in_words(changes: dict[str, Any], expected: str) -> None:
    """Good words: what would be right, and never the library's own phrase."""
    assert words(posted(**changes)) == expected


@pytest.mark.parametrize(
    "body",
    [
        posted(class_="geheim"),
        posted(class_="geheim - at `$.geheim`"),
        posted(geheim_is_dit=1, content={"nl": {"text": "geheim"}}).replace(b"geheim_is_dit", b"geheim is dit"),
        posted(content={"nl": {"text": "geheim\x00"}}),
        posted(content="geheim"),
        b'{"geheim": 1, "geheim": 2}',
        b'{"a": geheim}',
        b'"geheim" "geheim"',
    ],
)
def test_an_error_never_quotes_what_was_posted(body: bytes) -> None:
    """It may be the text of an alert, and errors end in logs."""
    with pytest.raises(InputError) as caught:
        read_alert(body)
    assert "geheim" not in repr(caught.value.problem)
    assert "geheim" not in str(caught.value)


def test_a_request_survives_the_socket() -> None:
    """The edge hands it to dispatch as msgpack."""
    request = read_alert(CONTRACT_EXAMPLE.encode())
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(request), type=AlertRequest) == request


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
FIELDS = st.sampled_from([*AlertRequest.__struct_encode_fields__, "recording", "x"])


@given(st.binary())
def test_no_bytes_raise_anything_but_an_input_error(body: bytes) -> None:
    """RecursionError and UnicodeDecodeError never escape."""
    refuse_or_take(body)


@given(ANY_JSON | st.dictionaries(FIELDS, ANY_JSON))
def test_no_json_raises_anything_but_an_input_error(value: object) -> None:
    """Whatever its shape."""
    refuse_or_take(json.dumps(value).encode())


@given(
    FIELDS, ANY_JSON, st.sampled_from([None, "targets", "content"]), st.sampled_from(["zones", "near", "area", "nl"])
)
def test_no_field_raises_anything_but_an_input_error(field: str, value: object, inside: str | None, key: str) -> None:
    """One field of a good alert replaced, at the top or inside targets and content."""
    changed = {**LEAST, field: value} if inside is None else {**LEAST, inside: {**LEAST[inside], key: value}}
    refuse_or_take(json.dumps(changed).encode())


def refuse_or_take(body: bytes) -> None:
    """What is taken satisfies the published schema, so that /openapi.json promises nothing that is not so."""
    try:
        read_alert(body)
        problem = None
    except InputError as error:
        problem = error.problem
    if problem is None:
        _SCHEMA.validate(json.loads(body))
    else:
        assert problem.name in ("malformed", "invalid")
        assert problem.detail.endswith(".")


_REFERENCES, _DEFINITIONS = msgspec.json.schema_components([AlertRequest])
_SCHEMA = jsonschema.Draft202012Validator({**_REFERENCES[0], "$defs": _DEFINITIONS})


def test_R12_a_recording_may_stand_in_place_of_a_text() -> None:
    """Then it is given in the languages of its recordings."""
    body = {name: value for name, value in LEAST.items() if name != "content"}
    request = read_alert(json.dumps(body | {"recording": {"fr": "B" * 26, "nl": "A" * 26}}).encode())
    assert ("nl", "fr") == request.languages
    assert {"nl": "A" * 26, "fr": "B" * 26} == request.recording.by_language()
    assert ("nl",) == read_alert(posted(recording={"nl": "A" * 26})).languages


def test_R16_who_gets_no_call_reads_the_text_of_a_recording() -> None:
    assert fault(posted(recording={"nl": "A" * 26, "fr": "B" * 26})) == ("invalid", "$.recording.fr", "R16")
