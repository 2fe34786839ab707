"""R13 over every combination there is: social media and urgent messages."""

from itertools import combinations, permutations, product
from typing import get_args

from msgspec.structs import replace
from tests.unit.core.test_policy import network

from klaroen.core.model import ADDRESS_KINDS, CHANNELS, Channel, Kind, Network, Plan, Window, Zone, ZoneId
from klaroen.core.plan import (
    CompiledPlan,
    address_mask,
    carries_social_media,
    compile_plan,
    goes_urgently,
    ladder,
    make_offer,
    orders_at,
    permitting,
)
from klaroen.core.policy import SENDS

KINDS: tuple[Kind, ...] = get_args(Kind)
YES_NO = (False, True)
ALL_ADDRESSES = address_mask(ADDRESS_KINDS)
ORDERS = [chosen for size in range(len(CHANNELS) + 1) for chosen in combinations(CHANNELS, size)]
PREFERENCES = [chosen for size in range(len(CHANNELS) + 1) for chosen in permutations(CHANNELS, size)]
SENT = sorted({(row.role, alert_class, urgent) for row in SENDS for alert_class in row.classes for urgent in YES_NO})
"""Whoever may send what; `urgent` is the sender's word, which counts for public_interest alone."""

Made = tuple[Network, CompiledPlan]


def networks(order: tuple[Channel, ...]) -> list[Made]:
    """Every kind of network whose plan names these channels, for urgent and for other messages, in every zone."""
    made = []
    windows = (Window("00:00", "24:00", order),)
    for kind, rules, supported, zone in product(KINDS, YES_NO, YES_NO, YES_NO):
        plan = Plan(1, "2020-01-01", windows, windows, social_media_supported=supported)
        one = replace(network("B", "Z1"), kind=kind, house_rules_social_media=rules, plans=(plan,))
        social = carries_social_media(one, Zone(ZoneId("Z1"), "Z", social_media_supported=zone), plan)
        made.append((one, compile_plan(plan, social_media=social)))
    return made


def test_R13_a_residents_network_never_gets_an_urgent_whatsapp_and_may_get_a_cold_one() -> None:
    """Whatever plan, preference, class, zone, kind of network and token say."""
    seen = set()
    offers = {
        (alert_class, urgent): make_offer(alert_class, text=True, recording=True, narrowed=None, carriers=CHANNELS)
        for _, alert_class, urgent in SENT
    }
    for order in ORDERS:
        for one, plan in networks(order):
            for (alert_class, said), offer in offers.items():
                urgent = goes_urgently(alert_class, said)
                orders = orders_at([plan], urgent, 0)
                for preference in PREFERENCES:
                    steps = ladder(orders, preference, ALL_ADDRESSES, offer.channels)
                    if any(step.channel == "whatsapp" for step in steps):
                        seen.add((one.kind, alert_class, urgent))
    assert not [found for found in seen if found[1] == "crisis"], "R10: crisis never"
    assert {kind for kind, _, urgent in seen if urgent} == set(KINDS) - {"residents"}
    assert {kind for kind, alert_class, _ in seen if alert_class == "cold"} == set(KINDS)
    assert {"police", "dispatch_centre", "crisis_authority"} <= {role for role, _, _ in SENT}


def test_R13_what_a_residents_network_forbids_another_network_of_the_same_person_may_permit() -> None:
    """R5: each network is judged under its own plan, and the message is booked on the one that permitted it."""
    every = networks(("sms", "whatsapp"))
    offer = make_offer("warm", text=True, recording=False, narrowed=None, carriers=CHANNELS)
    booked = set()
    for (first, one), (second, other) in product(every, every):
        orders = orders_at([one, other], True, 0)
        for preference in ((), ("whatsapp",), ("whatsapp", "sms")):
            steps = ladder(orders, preference, ALL_ADDRESSES, offer.channels)
            if any(step.channel == "whatsapp" for step in steps):
                booked.add((first, second)[permitting(orders, "whatsapp")].kind)
    assert set(KINDS) - {"residents"} == booked
