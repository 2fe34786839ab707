"""Who may send what to whom, and who may see or stop it; named after the rules."""

import re
from datetime import UTC, datetime
from typing import Any, get_args

import pytest
from msgspec.structs import replace

from klaroen.core.admission import Admitted, admit
from klaroen.core.errors import InputError, Problem, Saying
from klaroen.core.intake import AlertRequest, Near, Targets, Texts
from klaroen.core.model import (
    CLASSES,
    Agreement,
    Alert,
    AlertClass,
    AlertId,
    Area,
    Authority,
    Coordinator,
    Instant,
    Levels,
    Network,
    NetworkId,
    Refusal,
    Role,
    Text,
    Token,
    Zone,
    ZoneId,
)
from klaroen.core.phrases import PHRASES, say
from klaroen.core.policy import ACTIONS, SENDS, Action, demand, may, may_act, may_decide, may_see, scope_of, sends
from klaroen.core.rules import RULES
from klaroen.core.snapshot import Snapshot

ROLES: tuple[Role, ...] = get_args(Role)
NOON = Instant(int(datetime(2026, 11, 21, 12, 0, tzinfo=UTC).timestamp() * 1000))


def network(
    name: str, zone: str, municipality: str = "Gent", province: str = "Oost-Vlaanderen", **changes: Any
) -> Network:
    given: dict[str, Any] = {
        "id": NetworkId(name), "name": name, "kind": "residents", "zone": ZoneId(zone), "municipality": municipality,
        "province": province, "region": "Vlaanderen", "languages": ("nl",), "recognised_on": "2020-01-01",
        "area": Area(), "coordinators": (), "officers": (), "mayor": "", "members_at_signing": 10,
        "levels": Levels(), "plans": (), "evaluation_months": 12,
    }  # fmt: skip
    return Network(**{**given, **changes})


NETWORKS = (
    network("B1", "Z1"),
    network("B2", "Z2", "Liège", "Liège"),
    network("B3", "Z2", "Liège", "Liège", recognised=False),
    network("B4", "Z1", stopped=True),
    network("B5", "Z3", "Namur", "Namur"),
    network("B6", "Z1", "Aalst"),
)
ZONES = (
    Zone(ZoneId("Z1"), "Gent", dispatch_centres=("CIC-OVL",)),
    Zone(
        ZoneId("Z2"),
        "Liège",
        agreements=(
            Agreement("Z1", ("warm",), "2026-01-01", "2026-11-21"),
            Agreement("CIC-OVL", ("public_interest",), "2026-06-01"),
        ),
    ),
)
REGISTER = Snapshot(1, {one.id: one for one in ZONES}, {one.id: one for one in NETWORKS}, (), (), ((), (), (), ()))


def token(role: Role, **scope: Any) -> Token:
    return Token(scope.pop("name", role), b"", role, **scope)


def request(alert_class: AlertClass, **targets: Any) -> AlertRequest:
    return AlertRequest(alert_class, Targets(**targets), Texts(nl=Text("x")))


def admitted(sender: Token, alert_class: AlertClass = "warm", now: Instant = NOON, **targets: Any) -> Admitted:
    return admit(request(alert_class, **targets), sender, REGISTER, now)


def problem(sender: Token, alert_class: AlertClass = "warm", now: Instant = NOON, **targets: Any) -> Problem:
    with pytest.raises(InputError) as caught:
        admitted(sender, alert_class, now, **targets)
    return caught.value.problem


def refusals(found: Admitted) -> list[tuple[str, str | None]]:
    return [(one.network, one.rule) for one in found.refused]


STRANGER = "It is not the zone's own, and its zone has not agreed to this (art. 8 d)."
POLICE = token("police", zones=("Z1",))
POLICE_EVERYWHERE = token("police", zones=("*",))
CENTRE = token("dispatch_centre", name="CIC-OVL", zones=("Z1", "Z2"))
GOVERNOR = token("crisis_authority", provinces=("Oost-Vlaanderen",))
BURGOMASTER = token("crisis_authority", municipalities=("gent",))


@pytest.mark.parametrize(
    ("role", "sends"),
    [
        ("police", {"warm", "public_interest", "cold"}),
        ("dispatch_centre", {"warm", "public_interest"}),
        ("crisis_authority", {"crisis", "public_interest"}),
        ("coordinator", {"cold"}),
        ("operator", set()),
        ("carrier", set()),
    ],
)
def test_R08_each_role_sends_its_classes_and_no_other(role: Role, sends: set[AlertClass]) -> None:
    """The contract's table of roles; crisis is R10's."""
    sender = token(role, name="CIC-OVL", zones=("*",), provinces=("Oost-Vlaanderen",), networks=("B1",))
    for alert_class in CLASSES:
        if alert_class in sends:
            assert "B1" in admitted(sender, alert_class, networks=("B1",)).networks
        else:
            found = problem(sender, alert_class, networks=("B1",))
            own = role == "coordinator" and alert_class == "warm"  # not without a grant that names it
            rule = "R10" if alert_class == "crisis" else "R9" if own else "R8"
            assert (found.name, found.at, found.rule) == ("not-allowed", "$.class", rule)


COORDINATORS = (Coordinator("K1", "C"), Coordinator("K2", "D", status="removed"))
WITH_COORDINATORS = replace(
    REGISTER, networks={**REGISTER.networks, "B1": replace(NETWORKS[0], coordinators=COORDINATORS)}
)


@pytest.mark.parametrize(
    ("name", "alert_class", "granted", "authority"),
    [
        ("K1", "cold", False, "consent"),
        ("K1", "cold", True, "grant"),
        ("K1", "warm", True, "grant"),
        ("K9", "cold", False, "consent"),
    ],
)
def test_R24_a_coordinator_needs_a_grant_or_consent(
    name: str, alert_class: AlertClass, granted: bool, authority: str
) -> None:
    """No message on the initiative of a coordinator without the police's prior consent (art. 8 d)."""
    sender = token("coordinator", name=name, networks=("B1",))
    found = admit(request(alert_class, networks=("B1",)), sender, WITH_COORDINATORS, NOON, granted=lambda _: granted)
    assert (("B1",), authority) == (found.networks, found.authority)


def test_R24_one_network_without_a_grant_and_all_of_it_waits() -> None:
    sender = token("coordinator", name="K1", networks=("B1", "B6"))
    found = admit(request("cold", networks=("B1", "B6")), sender, REGISTER, NOON, granted=lambda one: one.id == "B1")
    assert (("B1", "B6"), "consent") == (found.networks, found.authority)


def test_R23_a_coordinator_who_was_relieved_sends_nothing() -> None:
    """Appeal or not; the token may have another name than the register has for its bearer."""
    sender = token("coordinator", name="jan", coordinator="K2", networks=("B1",))
    with pytest.raises(InputError, match="not in office any more") as caught:
        admit(request("cold", networks=("B1",)), sender, WITH_COORDINATORS, NOON, granted=lambda _: True)
    assert ("nobody", "R23") == (caught.value.problem.name, caught.value.problem.rule)


def test_R08_a_zone_sends_to_its_own_networks_and_the_others_are_named() -> None:
    """Refused networks are named and the others go out; an unknown one carries no rule."""
    found = admitted(POLICE, networks=("B1", "B5", "B9"))
    assert found.networks == ("B1",)
    assert refusals(found) == [("B5", "R8"), ("B9", None)]


@pytest.mark.parametrize(
    ("alert_class", "day", "allowed"),
    [
        ("warm", "2026-11-21T12:00:00+01:00", True),
        ("warm", "2026-11-21T23:59:59+01:00", True),
        ("warm", "2026-11-22T00:00:00+01:00", False),
        ("warm", "2026-01-01T00:00:00+01:00", True),
        ("warm", "2025-12-31T23:59:59+01:00", False),
        ("cold", "2026-11-21T12:00:00+01:00", False),
    ],
)
def test_R08_a_dated_agreement_opens_another_zone_for_its_classes(
    alert_class: AlertClass, day: str, allowed: bool
) -> None:
    """From its first day to its last, both included, in Brussels' time."""
    now = Instant(int(datetime.fromisoformat(day).timestamp() * 1000))
    if allowed:
        assert admitted(POLICE, alert_class, now, networks=("B2",)).networks == ("B2",)
    else:
        assert problem(POLICE, alert_class, now, networks=("B2",)).rule == "R8"


def test_R08_a_dispatch_centre_reaches_the_zones_that_agreed_to_it() -> None:
    """Named by the zone, or by a dated agreement; the token's scope alone opens nothing."""
    assert admitted(CENTRE, networks=("B1",)).networks == ("B1",)
    assert problem(CENTRE, networks=("B2",)).rule == "R8"
    assert admitted(CENTRE, "public_interest", networks=("B2",)).networks == ("B2",)
    assert problem(token("dispatch_centre", name="other", zones=("*",)), networks=("B1",)).rule == "R8"
    assert problem(token("dispatch_centre", name="CIC-OVL"), networks=("B1",)).rule == "R8"
    assert problem(token("dispatch_centre", name="CIC-OVL", zones=("*",)), networks=("B5",)).rule == "R8"


def test_R10_a_crisis_authority_sends_within_its_territory() -> None:
    """Its municipalities and provinces; no zone's agreement widens or narrows it."""
    assert admitted(BURGOMASTER, "crisis", networks=("B1", "B6")).networks == ("B1",)
    assert admitted(GOVERNOR, "crisis", networks=("B1", "B6")).networks == ("B1", "B6")
    assert problem(GOVERNOR, "crisis", networks=("B2",)).rule == "R8"
    of_a_zone = token("crisis_authority", zones=("Z1",))
    assert problem(of_a_zone, "public_interest", networks=("B2",)).rule == "R8"


def test_R10_only_crisis_authorities_send_crisis() -> None:
    """Not even a police token for the whole country."""
    found = problem(POLICE_EVERYWHERE, "crisis", all=True)
    assert (found.name, found.rule) == ("not-allowed", "R10")


def test_R01_only_a_recognised_network_that_is_not_stopped_receives() -> None:
    """Of any class; refused networks are named and the others go out."""
    found = admitted(POLICE_EVERYWHERE, networks=("B2", "B3", "B4"))
    assert found.networks == ("B2",)
    assert refusals(found) == [("B3", "R1"), ("B4", "R1")]
    assert {one.reason for one in found.refused} == {
        "Its recognition was withdrawn (art. 2).",
        "It was stopped by the police (art. 3).",
    }


def test_a_stranger_does_not_learn_that_a_network_was_stopped() -> None:
    """Scope is judged before state."""
    assert problem(token("police", zones=("Z3",)), networks=("B4",)).rule == "R8"


def test_all_is_the_tokens_own_scope_and_names_nobody_beyond_it() -> None:
    """{"all": true} alone = the token's whole scope."""
    found = admitted(POLICE, all=True)
    assert (found.networks, refusals(found)) == (("B1", "B6"), [("B4", "R1")])
    assert admitted(POLICE_EVERYWHERE, all=True).networks == ("B1", "B2", "B5", "B6")
    assert admitted(GOVERNOR, "crisis", all=True).networks == ("B1", "B6")
    assert refusals(admitted(CENTRE, all=True)) == [("B2", "R8"), ("B3", "R8"), ("B4", "R1")]


@pytest.mark.parametrize("role", ["police", "dispatch_centre", "crisis_authority"])
def test_no_scope_grants_nothing(role: Role) -> None:
    """Neither to named networks nor to all."""
    assert problem(token(role), "public_interest", networks=("B1",)).name == "nobody"
    assert problem(token(role), "public_interest", all=True).name == "nobody"


def test_each_key_of_a_scope_adds_to_it() -> None:
    """Zones, networks, municipalities and provinces; names without regard to case."""
    covers = scope_of(token("police", zones=("Z3",), networks=("B1",), municipalities=("LIÈGE",)))
    assert [one.id for one in NETWORKS if covers(one)] == ["B1", "B2", "B3", "B5"]
    covers = scope_of(token("police", provinces=("LIÈGE",)))
    assert [one.id for one in NETWORKS if covers(one)] == ["B2", "B3"]


@pytest.mark.parametrize(
    ("targets", "at", "rule", "detail"),
    [
        ({"networks": ("B5",)}, "$.targets.networks[0]", "R8",
         f"No network is left to warn: B5 is refused. {STRANGER}"),
        ({"networks": ("B8", "B9")}, "$.targets.networks[0]", None,
         "No network is left to warn: all 2 that are targeted are refused."),
        ({"networks": ("B4", "B5")}, "$.targets.networks[0]", None,
         "No network is left to warn: all 2 that are targeted are refused."),
        ({"zones": ("Z7", "Z3")}, "$.targets.zones[0]", "R8", None),
        ({"zones": ("Z3",)}, "$.targets.zones[0]", "R8", None),
        ({"municipalities": ("Namur",)}, "$.targets", "R8", None),
        ({"provinces": ("Liège",), "kinds": ("business_park",)}, "$.targets", None, "The targets name no network."),
    ],
)  # fmt: skip
def test_an_alert_with_nobody_left_is_refused_as_a_whole(
    targets: dict[str, Any], at: str, rule: str | None, detail: str | None
) -> None:
    """It says whom it refused and which target is at fault."""
    found = problem(POLICE, "cold", **targets)
    assert (found.name, found.at, found.rule or None) == ("nobody", at, rule)
    assert detail in (None, found.detail)
    assert found.unreachable == {"count": 0, "reasons": {}}


def test_nobody_carries_the_refusals() -> None:
    """Both lists: refused and unreachable."""
    assert problem(POLICE, networks=("B9",)).refused == [
        {"network": "B9", "rule": None, "reason": "The register holds no such network.", "code": "unknown_network"}
    ]


def test_what_cannot_be_located_is_named_if_it_would_have_been_warned() -> None:
    """A network outside the scope, or stopped, is missed by nobody."""
    near = Near((4.0, 51.0), 10.0)
    found = admitted(POLICE, networks=("B1",), near=near)
    assert (found.networks, found.not_located) == (("B1",), ("B2", "B6"))
    assert problem(POLICE, near=near).detail == "No network is left to warn: 6 have no place on the map."


def test_a_target_that_matches_nothing_is_warned_of() -> None:
    """The others go out."""
    told = Saying("target_unmatched", {"path": "$.targets.zones[1]"})
    assert (told,) == admitted(POLICE, zones=("Z1", "Z9")).warnings


# --- seeing and acting ----------------------------------------------------------------------------------------------

ALLOWED: dict[Action, set[Role]] = {
    "see_counts": {"police", "dispatch_centre", "crisis_authority", "coordinator", "operator"},
    "see_deliveries": {"police"},
    "see_members": {"police"},
    "keep_list": {"police", "coordinator"},
    "see_evaluation": {"police", "coordinator"},
    "see_networks": {"police", "dispatch_centre", "crisis_authority", "coordinator", "operator"},
    "see_content": {"police", "dispatch_centre", "crisis_authority", "coordinator"},
    "pause": {"police", "dispatch_centre", "crisis_authority", "operator"},
    "resume": {"police", "dispatch_centre", "crisis_authority", "operator"},
    "cancel": {"police", "dispatch_centre", "crisis_authority", "coordinator", "operator"},
    "consent": {"police"},
    "approve": {"police", "dispatch_centre", "crisis_authority"},
    "refuse": {"police", "dispatch_centre", "crisis_authority"},
    "see_carriers": {"operator"},
    "switch_carriers": {"operator"},
    "put_receipts": {"carrier"},
    "put_recordings": {"police", "dispatch_centre", "crisis_authority"},
    "see_grants": {"police"},
    "grant": {"police"},
    "stop_network": {"police"},
    "see_replies": {"police"},
    "lift_quiet": {"police", "coordinator"},
}


@pytest.mark.parametrize("action", get_args(Action))
def test_R07_each_role_may_do_what_its_row_says(action: Action) -> None:
    """R7, R22: an operator sees counts, neither numbers nor texts; a carrier brings receipts and nothing else."""
    assert {role for role in ROLES if may(token(role), action)} == ALLOWED[action]


def test_R09_who_may_not_is_told_the_rule_and_its_article() -> None:
    """R9: granting is the police's."""
    demand(POLICE, "grant")
    with pytest.raises(InputError, match=r"coordinator may not do that \(art. 8 d\)") as caught:
        demand(token("coordinator"), "grant")
    assert ("not-allowed", "R9") == (caught.value.problem.name, caught.value.problem.rule)


def alert(alert_class: AlertClass, *networks: str, by: str = "somebody") -> Alert:
    return Alert(
        AlertId("a"), alert_class, "live", {"nl": Text("x")}, NOON, NOON, by, "police",
        tuple(map(NetworkId, networks)), (1,) * len(networks), 1, 10, {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("viewer", "shown", "expected"),
    [
        (POLICE, alert("warm", "B1", "B5"), True),
        (POLICE, alert("crisis", "B1"), True),
        (POLICE, alert("warm", "B5"), False),
        (POLICE, alert("warm", "B5", by="police"), True),
        (POLICE, alert("warm", "B99"), False),
        (CENTRE, alert("warm", "B2", "B5"), True),
        (CENTRE, alert("cold", "B2"), False),
        (GOVERNOR, alert("crisis", "B1", "B2"), True),
        (GOVERNOR, alert("warm", "B1"), False),
        (token("coordinator", networks=("B1",)), alert("warm", "B1"), True),
        (token("coordinator", networks=("B1",)), alert("warm", "B1", "B2"), False),
        (token("operator"), alert("warm", "B1"), True),
        (token("carrier", zones=("*",)), alert("warm", "B1", by="carrier"), False),
    ],
)
def test_R07_an_alert_is_seen_by_its_sender_its_police_and_operators(
    viewer: Token, shown: Alert, expected: bool
) -> None:
    """R7: a coordinator sees what concerns their own network alone; the counts of others are not theirs."""
    assert may_see(viewer, shown, REGISTER) is expected


@pytest.mark.parametrize(
    ("actor", "stopped", "expected"),
    [
        (POLICE, alert("warm", "B1", "B6"), True),
        (POLICE, alert("warm", "B1", "B5"), False),
        (POLICE, alert("warm", "B1", "B5", by="police"), True),
        (POLICE, alert("crisis", "B1"), False),
        (POLICE, alert("warm", "B1", "B99"), False),
        (GOVERNOR, alert("crisis", "B1"), True),
        (token("operator"), alert("crisis", "B1"), True),
        (token("carrier"), alert("warm", "B1"), False),
    ],
)
def test_R08_an_alert_is_stopped_by_its_sender_an_operator_or_who_could_have_sent_it(
    actor: Token, stopped: Alert, expected: bool
) -> None:
    """A zone that one network of a national alert lies in does not stop the country's alert."""
    for action in ("pause", "resume", "cancel"):
        assert may_act(actor, action, stopped, REGISTER) is expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("actor", "authority", "alert_class", "expected"),
    [
        (POLICE, "consent", "cold", True),
        (token("police", name="K1", zones=("Z1",)), "consent", "cold", False),
        (token("police", name="Z3", zones=("Z3",)), "consent", "cold", False),
        (CENTRE, "consent", "public_interest", False),
        (CENTRE, "approval", "public_interest", True),
        (CENTRE, "approval", "cold", False),
        (GOVERNOR, "approval", "crisis", True),
        (token("coordinator", networks=("B1",)), "approval", "cold", False),
        (token("operator"), "approval", "cold", False),
    ],
)
def test_R24_a_second_person_decides(
    actor: Token, authority: Authority, alert_class: AlertClass, expected: bool
) -> None:
    """An officer of the zone on a coordinator's message; where four eyes are asked for, who could have sent it."""
    waiting = replace(alert(alert_class, "B1", by="K1"), authority=authority)
    assert may_act(actor, "refuse", waiting, REGISTER) is expected


def test_R09_a_coordinator_stops_their_own_message_only() -> None:
    own = token("coordinator", name="K1", networks=("B1",))
    assert may_act(own, "cancel", alert("cold", "B1", by="K1"), REGISTER)
    assert not may_act(own, "pause", alert("cold", "B1", by="K1"), REGISTER)
    assert not may_act(own, "cancel", alert("cold", "B1", by="police"), REGISTER)
    assert not may_decide(own, alert("cold", "B1", by="police"), REGISTER)


def test_what_is_refused_is_said_in_four_languages() -> None:
    """Each code has its words in each, about the same things."""
    for row in PHRASES.values():
        assert {"nl", "fr", "de", "en"} == set(row.words)
        fields = [sorted(re.findall(r"{(\w+)}", words)) for words in row.words.values()]
        assert all(one == fields[0] for one in fields)
    assert "alle 3 worden geweigerd" in say((Saying("nobody_all", {"count": "3"}),), "nl")
    assert "R23" == PHRASES["relieved"].rule
    assert not sends("carrier", "warm")


def test_every_row_cites_its_article_and_every_rule_speaks_four_languages() -> None:
    """A refusal that cites nothing cannot be argued with."""
    assert all(row.article.startswith("art. ") for row in (*SENDS, *ACTIONS))
    assert {row.action for row in ACTIONS} == set(get_args(Action))
    for rule in RULES.values():
        assert set(rule.words) == {"nl", "fr", "de", "en"}
        assert all(words.endswith(".") for words in rule.words.values())
    assert {"R1", "R4", "R5", "R8", "R10", "R12", "R14", "R15", "R16"} <= RULES.keys()


def test_a_refusal_is_a_value_of_the_model() -> None:
    """It travels into the alert's record as it is."""
    assert admitted(POLICE, networks=("B1", "B9")).refused == (
        Refusal(NetworkId("B9"), None, "The register holds no such network.", "unknown_network"),
    )


def test_further_targets_add_networks_and_are_judged_like_the_first() -> None:
    """Of `all` only the token's scope is meant; what is named beside it is refused by name (R8)."""
    police = token("police", zones=("Z1",))
    also = [Targets(networks=("B5", "B9")), Targets(near=Near((3.7, 51.0), 100.0))]
    everything = admit(request("warm", all=True), police, REGISTER, NOON, also)
    assert ("B1", "B6") == everything.networks
    assert [("B4", "R1"), ("B5", "R8"), ("B9", None)] == [(one.network, one.rule) for one in everything.refused]
    assert ("B2",) == everything.not_located  # the others are warned already
    named = admit(request("warm", networks=("B1",)), police, REGISTER, NOON, [Targets(municipalities=("Aalst",))])
    assert (("B1", "B6"), ()) == (named.networks, named.refused)
