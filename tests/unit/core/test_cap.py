"""CAP 1.2 (contract, "CAP"): what a message means, and for which stated reason it is refused."""

from hashlib import sha256

import msgspec
import pytest
from tests.unit.core.cap_samples import (
    AGGREGATED,
    BROADCAST,
    EARTHQUAKE,
    GENT,
    HOMELAND,
    KILOMETRES,
    METEO,
    NOW_MS,
    OLDER,
    SPACE,
    area,
    info,
    message,
)

from klaroen.core.cap import BODY_BYTES_MAX, Posted, Profile, Unheeded, Withdrawn, key_of, read_cap
from klaroen.core.cap_area import SHAPES_MAX
from klaroen.core.cap_xml import ELEMENTS_MAX, NESTING_MAX, read_xml
from klaroen.core.errors import InputError, Saying
from klaroen.core.intake import AlertRequest, Near, Polygon, Targets, Texts
from klaroen.core.model import Instant, Role, Text

NOW = Instant(NOW_MS)
PROFILE = Profile(municipalities={"44021": "Gent", "21004": "Brussel", "21001": "Anderlecht"})


def read(body: bytes, role: Role = "crisis_authority", profile: Profile = PROFILE) -> Posted:
    told = read_cap(body, role, profile, NOW)
    assert isinstance(told, Posted)
    return told


def fault(body: bytes, profile: Profile = PROFILE) -> tuple[str, object]:
    with pytest.raises(InputError) as caught:
        read_cap(body, "crisis_authority", profile, NOW)
    return caught.value.problem.name, caught.value.problem.at


# --- what it becomes --------------------------------------------------------------------------------------------------


def test_a_message_becomes_the_alert_that_it_would_be_in_json() -> None:
    """Status, languages, description, polygon and expiry; the class from the role."""
    ring = ((3.70, 51.05), (3.70, 51.10), (3.78, 51.10), (3.70, 51.05))
    expected = AlertRequest(
        alert_class="crisis",
        targets=Targets(area=Polygon(coordinates=(ring,), type="Polygon")),
        content=Texts(nl=Text("Sluit ramen en deuren."), fr=Text("Fermez portes et fenêtres.")),
        reference="BE-2026-118",
        author="crisis.example.be",
    )
    told = read(message(info(), info("Fermez portes et fenêtres.", language="fr")))
    assert expected == told.request
    assert Instant(NOW_MS + 2 * 3_600_000) == told.expires_at
    assert ((), (), ()) == (told.places, told.references, told.notes)


def test_the_class_comes_from_the_role() -> None:
    """`crisis` for a crisis authority, else `warm`."""
    roles: tuple[Role, ...] = ("crisis_authority", "police", "dispatch_centre", "coordinator")
    assert ["crisis", "warm", "warm", "warm"] == [read(message(), role).request.alert_class for role in roles]


def test_status_is_mode() -> None:
    statuses = ("Actual", "Exercise", "Test", "System", "Draft")
    modes = [read(message(status=status)).request.mode for status in statuses]
    assert ["live", "exercise", "drill", "drill", "drill"] == modes


def test_the_key_is_sender_identifier_and_sent() -> None:
    """No header can hold it: it has a blank."""
    name = "crisis.example.be,BE-2026-118,2026-11-26T09:00:00+01:00"
    assert "cap " + sha256(name.encode()).hexdigest() == read(message()).key == key_of(name)
    other = read(message(sent="2026-11-26T08:59:59+01:00"))
    assert other.key != key_of(name)


def test_an_update_takes_the_place_of_what_it_names() -> None:
    names = ("a,1,2026-11-26T08:00:00+01:00", "a,2,2026-11-26T08:30:00+01:00")
    told = read(message(kind="Update", references="\n ".join(names)))
    assert tuple(map(key_of, names)) == told.references


def test_a_cancel_never_sends_anything() -> None:
    """Whatever its info says: not even a fault in it keeps an alert going."""
    reference = "a,1,2026-11-26T08:00:00+01:00"
    told = read_cap(message(info(None), kind="Cancel", references=reference), "police", PROFILE, NOW)
    assert Withdrawn((key_of(reference),), "live") == told
    test = read_cap(message(kind="Cancel", status="Test", references=reference), "police", PROFILE, NOW)
    assert Withdrawn((key_of(reference),), "drill") == test


@pytest.mark.parametrize("kind", ["Ack", "Error"])
def test_acks_and_errors_are_ignored_with_a_reason(kind: str) -> None:
    told = read_cap(message(kind=kind), "police", PROFILE, NOW)
    assert isinstance(told, Unheeded)
    assert kind == told.kind


def test_the_area_is_the_union_of_all_that_is_named() -> None:
    """Polygons, circles in kilometres and municipalities, over all areas; latitude comes first in CAP."""
    codes = "".join(
        f"<geocode><valueName>NIS5</valueName><value>{code}</value></geocode>" for code in ("21004", "44021", "21001")
    )
    areas = area(codes) + area("<circle>51.05,3.72 2.5</circle>") + area()
    told = read(message(info(areas=areas)))
    assert Targets(municipalities=("Anderlecht", "Brussel", "Gent")) == told.request.targets
    near, within = told.places
    assert Targets(near=Near((3.72, 51.05), 2500.0)) == near
    assert within.area is not None


def test_the_languages_may_say_their_area_in_another_order() -> None:
    """Equal areas are equal, however often and in which order their parts come."""
    circle = "<circle>51.05,3.72 2.5</circle>"
    here, there = area() + area(circle), area(circle) + area() + area()
    assert 1 == len(read(message(info(areas=here), info("a", language="fr", areas=there))).places)


def test_without_expires_it_lives_from_sent_on() -> None:
    """So that a message that comes again after a month has expired, and is not sent once more."""
    body = message(info(expires=None))
    assert Instant(NOW_MS + 14_400_000) == read(body).expires_at
    assert Instant(NOW_MS + 3_600_000) == read(body, "police").expires_at


def test_language_is_its_primary_subtag_and_english_where_it_is_missing() -> None:
    """CAP 1.2, 3.2.2: the default is en-US."""
    for said, language in (("NL-be", "nl"), ("fr", "fr"), ("de-BE", "de"), ("mul", "mul"), (None, "en")):
        assert [language] == list(read(message(info(language=said))).request.content.by_language())


def test_the_headline_is_the_subject_unless_the_profile_says_otherwise() -> None:
    body = message(info(more="<headline>Brand</headline>"))
    assert Text("Sluit ramen en deuren.", "Brand") == read(body).request.content.nl
    assert Text("Sluit ramen en deuren.") == read(body, profile=Profile(headline="ignore")).request.content.nl


def test_a_profile_may_take_the_instruction_as_the_text() -> None:
    profile = Profile(text="instruction")
    body = message(info(None, more="<instruction>Blijf binnen.</instruction>"))
    assert Text("Blijf binnen.") == read(body, profile=profile).request.content.nl
    assert ("invalid", "/alert/info[1]/description") == fault(message(), profile)


@pytest.mark.parametrize("text", ["a\nb", "  a  ", "a\r\nb", "<b> & ]]>", "e\u0301 \u200d \U0001f692", "\t"])
def test_R10_the_text_is_the_description_exactly(text: str) -> None:
    assert Text(text) == read(message(info(text))).request.content.nl


def test_a_line_end_that_is_no_reference_is_a_line_feed() -> None:
    """XML 1.0, 2.11: CR LF is LF before anybody sees it, so "exact" is exact from there on."""
    body = message(info("EEN")).replace(b"EEN", b"een\r\ntwee\rdrie")
    assert Text("een\ntwee\ndrie") == read(body).request.content.nl


def test_comments_and_cdata_leave_the_text_whole() -> None:
    body = message(info("EEN")).replace(b"EEN", b"een<!-- nul --><![CDATA[ < twee]]>")
    assert Text("een < twee") == read(body).request.content.nl


def test_what_no_member_gets_is_told_once() -> None:
    """Resources, and geocodes beside an area that stands without them."""
    more = "<resource><resourceDesc>Kaart</resourceDesc><mimeType>image/png</mimeType></resource>"
    other = "<geocode><valueName>EMMA_ID</valueName><value>BE001</value></geocode>"
    areas = area(f"<polygon>{GENT}</polygon>{other}")
    told = read(message(info(more=more, areas=areas), info("a", language="fr", more=more, areas=areas)))
    assert (Saying("cap_resource"), Saying("cap_geocode")) == told.notes


def test_who_speaks_is_the_source_else_the_sender() -> None:
    assert "insp. 4711" == read(message(more="<source>insp. 4711</source>")).request.author
    assert "crisis.example.be" == read(message(more="<source>a\nb</source>")).request.author


def test_a_signature_has_its_place() -> None:
    signature = b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature></alert>'
    assert read(message().replace(b"</alert>", signature)).request == read(message()).request


# --- what is refused --------------------------------------------------------------------------------------------------


def swapped(pair: str) -> str:
    return ",".join(reversed(pair.split(",")))


LON_LAT = " ".join(swapped(pair) for pair in GENT.split())
INFO = "/alert/info[1]"
ELSEWHERE = area("<circle>51,4 1</circle>")
SPOT = INFO + "/area[1]"


def inside(shape: str) -> bytes:
    return message(info(areas=area(shape)))


FAULTS = {
    "another root": (message().replace(b"alert", b"alarm"), "/"),
    "CAP 1.1": (message().replace(b"cap:1.2", b"cap:1.1"), "/"),
    "an element that CAP does not have": (message(more="<colour>red</colour>"), "/alert"),
    "an element of another space": (message(more='<x xmlns="urn:x"/>'), "/alert"),
    "sender twice": (message(more="<sender>x</sender>"), "/alert"),
    "text between elements": (message(more="hallo"), "/alert"),
    "elements in a text": (message(info("X")).replace(b">X<", b">a<b/>c<"), INFO + "/description"),
    "elements in a polygon": (inside(f"<polygon>{GENT}<b/></polygon>"), SPOT + "/polygon"),
    "no identifier": (message(identifier=""), "/alert/identifier"),
    "a blank in the identifier": (message(identifier="a b"), "/alert/identifier"),
    "a comma in the sender": (message(sender="a,b"), "/alert/sender"),
    "a long identifier": (message(identifier="x" * 201), "/alert/identifier"),
    "sent without offset": (message(sent="2026-11-26T09:00:00Z"), "/alert/sent"),
    "sent that never was": (message(sent="2026-02-30T09:00:00+01:00"), "/alert/sent"),
    "sent in other digits": (message(sent="٢٠٢٦-11-26T09:00:00+01:00"), "/alert/sent"),
    "an unknown status": (message(status="Real"), "/alert/status"),
    "a status with blanks": (message(status=" Actual"), "/alert/status"),
    "an unknown msgType": (message(kind="Alarm"), "/alert/msgType"),
    "restricted": (message(scope="Restricted"), "/alert/scope"),
    "private": (message(scope="Private"), "/alert/scope"),
    "an update of nothing": (message(kind="Update"), "/alert/references"),
    "a cancel of nothing": (message(kind="Cancel"), "/alert/references"),
    "an alert with references": (message(references="a,b,c"), "/alert/references"),
    "a reference of two": (message(kind="Update", references="a,b"), "/alert/references"),
    "a reference with nothing in it": (message(kind="Cancel", references="a,,c"), "/alert/references"),
    "too many references": (message(kind="Cancel", references="a,b,c " * 101), "/alert/references"),
    "no info": (message("<info/>").replace(b"<info/>", b""), "/alert"),
    "an info without category": (message(info().replace("<category>Safety</category>", "")), INFO),
    "an unknown category": (message(info().replace("Safety", "Fun")), INFO + "/category[1]"),
    "an unknown urgency": (message(info().replace("Immediate", "Now")), INFO + "/urgency"),
    "no certainty": (message(info().replace("Observed", "")), INFO + "/certainty"),
    "another language": (message(info(language="es")), INFO + "/language"),
    "a language twice": (message(info(), info("b", language="nl")), "/alert/info[2]/language"),
    "an instruction": (message(info(more="<instruction>Blijf binnen.</instruction>")), INFO + "/instruction"),
    "no description": (message(info(None)), INFO + "/description"),
    "a long description": (message(info("x" * 2001)), INFO + "/description"),
    "a control character": (message(info("a\x85b")), INFO + "/description"),
    "a headline of two lines": (message(info(more="<headline>a\nb</headline>")), INFO + "/headline"),
    "a long headline": (message(info(more=f"<headline>{'x' * 201}</headline>")), INFO + "/headline"),
    "a nonsensical expires": (message(info(expires="soon")), INFO + "/expires"),
    "two expires": (message(info(), info("b", language="fr", expires=None)), "/alert/info[2]/expires"),
    "effective later": (message(info(more="<effective>2026-11-26T12:00:00+01:00</effective>")), INFO + "/effective"),
    "no area": (message(info(areas="")), INFO),
    "areas that differ": (message(info(), info("b", language="fr", areas=ELSEWHERE)), "/alert/info[2]"),
    "an area of words": (inside(""), SPOT),
    "an area without words": (message(info(areas=f"<area><polygon>{GENT}</polygon></area>")), SPOT + "/areaDesc"),
    "an area of unknown codes": (
        inside("<geocode><valueName>UGC</valueName><value>1</value></geocode>"), SPOT,
    ),
    "an unknown NIS5": (
        inside("<geocode><valueName>NIS5</valueName><value>99999</value></geocode>"),
        SPOT + "/geocode[1]/value",
    ),
    "a polygon of three points": (inside("<polygon>51,4 51,5 51,4</polygon>"), SPOT + "/polygon[1]"),
    "an open polygon": (inside("<polygon>51,4 51,5 50,5 50,4</polygon>"), SPOT + "/polygon[1]"),
    "a crossed polygon": (
        inside("<polygon>51,4 50,5 51,5 50,4 51,4</polygon>"), SPOT + "/polygon[1]",
    ),
    "a polygon of words": (inside("<polygon>a b c d</polygon>"), SPOT + "/polygon[1]"),
    "a polygon that leaves the earth": (
        inside("<polygon>51,4 51,500 50,4 51,4</polygon>"), INFO,
    ),
    "not a number": (inside("<circle>nan,4 1</circle>"), SPOT + "/circle[1]"),
    "latitude and longitude swapped": (inside(f"<polygon>{LON_LAT}</polygon>"), SPOT + "/polygon[1]"),
    "another country": (inside("<circle>45.4,-75.7 10</circle>"), SPOT + "/circle[1]"),
    "a circle without radius": (inside("<circle>51.05,3.72</circle>"), SPOT + "/circle[1]"),
    "a circle of minus one": (inside("<circle>51.05,3.72 -1</circle>"), SPOT + "/circle[1]"),
    "a circle of nothing": (inside("<circle>51.05,3.72 0</circle>"), INFO),
    "a circle wider than a province": (inside("<circle>51.05,3.72 51</circle>"), INFO),
    "a hundred and one circles": (
        message(info(areas="".join(area(f"<circle>51.05,3.72 {n}</circle>") for n in range(1, SHAPES_MAX + 2)))), INFO,
    ),
    "CAP's own example of an alert": (HOMELAND, INFO + "/instruction"),
    "CAP's own example of an update": (EARTHQUAKE, SPOT + "/circle[1]"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_told_with_its_path(name: str) -> None:
    """Refused with what is wrong and where, before anything is accepted."""
    body, at = FAULTS[name]
    assert ("invalid", at) == fault(body)


def test_swapped_numbers_are_said_to_be_swapped() -> None:
    body, _ = FAULTS["latitude and longitude swapped"]
    with pytest.raises(InputError, match="swapped"):
        read_cap(body, "police", PROFILE, NOW)
    body, _ = FAULTS["another country"]
    with pytest.raises(InputError, match=r"outside Belgium\."):
        read_cap(body, "police", PROFILE, NOW)


def test_too_many_points_and_municipalities() -> None:
    """10,000 points over all polygons, 2,000 municipalities."""
    dense = " ".join(f"51.{n:05},3.0" for n in range(5_001))
    rings = "".join(
        f"<polygon>51.0,{3 + east} {dense.replace(',3.0', f',{3.1 + east}')} 51.0,{3 + east}</polygon>"
        for east in (0, 1)
    )
    assert ("invalid", "/alert/info[1]") == fault(message(info(areas=area(rings))))
    table = Profile(municipalities={f"{code:05}": f"M{code}" for code in range(2_001)})
    codes = "".join(f"<geocode><valueName>NIS5</valueName><value>{code:05}</value></geocode>" for code in range(2_001))
    assert ("invalid", "/alert/info[1]") == fault(message(info(areas=area(codes))), table)


def test_a_fault_never_quotes_a_text() -> None:
    secret = "Jan-Peeters-geheim"
    for body in (
        message(info(f"{secret}\x85")),
        message(info(more=f"<instruction>{secret}</instruction>")),
        message(more=f"<{secret}/>"),
        message(status=secret),
    ):
        with pytest.raises(InputError) as caught:
            read_cap(body, "police", PROFILE, NOW)
        assert secret not in msgspec.json.encode(caught.value.problem).decode()


# --- what other senders write -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "at"),
    [
        (METEO, INFO + "/instruction"),
        (AGGREGATED, SPOT + "/polygon[1]"),
        (OLDER, "/"),
        (METEO.replace(b"<instruction>Let op.</instruction>", b""), SPOT),
        (BROADCAST.replace(b"nl-NL", b"pl-PL"), INFO + "/language"),
        (BROADCAST.replace(b"+01:00</sent>", b"Z</sent>"), "/alert/sent"),
    ],
)
def test_messages_of_other_countries_are_refused_for_a_stated_reason(body: bytes, at: str) -> None:
    """Instructions, geocodes of regions, places elsewhere, older versions, other languages, times without offset."""
    assert ("invalid", at) == fault(body)


@pytest.mark.parametrize("body", [BROADCAST, KILOMETRES])
def test_messages_of_other_senders_are_read_where_they_say_what_we_carry(body: bytes) -> None:
    """With notes, codes, heights, CDATA and empty elements, as feeds have them."""
    told = read(body)
    assert Text("Grote brand. Blijf binnen & sluit ramen.") == told.request.content.nl
    assert ("NL-ALERT-118", "meldkamer") == (told.request.reference, told.request.author)
    assert (told.request.targets.area is None) == (body is KILOMETRES)


# --- XML --------------------------------------------------------------------------------------------------------------

BOMB = b'<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><a>&b;</a>'
UNREADABLE = {
    "nothing": b"",
    "no XML": b"{}",
    "half a document": b"<alert>",
    "a name that does not close": b"<a></b>",
    "two roots": b"<a/><b/>",
    "not UTF-8": b"<a>\xff</a>",
    "Latin-1, and says so": '<?xml version="1.0" encoding="ISO-8859-1"?><a>é</a>'.encode(),
    "UTF-16": '<?xml version="1.0" encoding="UTF-16"?><a/>'.encode("utf-16"),
    "a bomb": BOMB,
    "a file": b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    "a document type that says nothing": b"<!DOCTYPE a><a/>",
    "an entity that nobody defined": b"<a>&x;</a>",
    "half a surrogate pair": b"<a>&#xD800;</a>",
    "a control character": b"<a>&#0;</a>",
    "too deep": b"<a>" * (NESTING_MAX + 1) + b"</a>" * (NESTING_MAX + 1),
    "very deep": b"<a>" * 200_000,
    "too many elements": b"<a>" + b"<b/>" * ELEMENTS_MAX + b"</a>",
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_is_no_plain_xml_is_malformed(name: str) -> None:
    with pytest.raises(InputError) as caught:
        read_xml(UNREADABLE[name])
    assert "malformed" == caught.value.problem.name


def test_the_deepest_and_the_most_that_is_read() -> None:
    assert "a" == read_xml(b"<a>" * NESTING_MAX + b"</a>" * NESTING_MAX).name
    assert ELEMENTS_MAX - 1 == len(read_xml(b"<a>" + b"<b/>" * (ELEMENTS_MAX - 1) + b"</a>").children)


def test_a_mark_of_byte_order_and_instructions_are_passed_over() -> None:
    root = read_xml(b'\xef\xbb\xbf<?xml version="1.0" encoding="utf-8"?><?style sheet?><a>b</a>')
    assert ("a", "b") == (root.name, root.text)


def test_a_prefix_is_as_good_as_a_default() -> None:
    body = message().replace(b"<alert xmlns=", b"<alert xmlns:c=").replace(b"<", b"<c:").replace(b"<c:/", b"</c:")
    body = body.replace(b"<c:?xml", b"<?xml")
    assert SPACE in body.decode()
    assert read(message()).request == read(body).request


def test_the_largest_body_is_the_contracts() -> None:
    assert 5 * 1024 * 1024 == BODY_BYTES_MAX
