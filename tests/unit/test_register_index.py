"""What is kept of a register version is what would be found anew."""

from klaroen.core.ground import Ground, locate
from klaroen.core.model import Instant, NetworkId, Plan
from klaroen.dispatch.register_index import RegisterIndex
from klaroen.register.snapshot import make_snapshot
from klaroen.testing.country import network, register

NAMES = tuple(NetworkId(f"BIN-{number:04}") for number in range(1, 7))
NOW = Instant(1_795_305_600_000)
"""Sunday 22 November 2026, 01:00 in Brussels."""
TOMORROW = Instant(NOW + 86_400_000)


def index_of(**changes: object) -> RegisterIndex:
    """Six networks of three members; `changes` are the last one's."""
    networks = [network(number) for number in range(1, 6)] + [network(6, **changes)]
    return RegisterIndex(make_snapshot(1, register(networks, 3)))


def test_the_ground_of_a_country_is_found_once_and_that_of_any_set_is_right() -> None:
    index = index_of()
    country = index.ground_of(NAMES, NOW)
    assert country is index.ground_of((*NAMES,), NOW)
    for some in (NAMES[:1], NAMES[1:], NAMES[2:4], NAMES, NAMES[:5], NAMES):
        assert index.ground_of(some, NOW).places == locate(index.regions.regions, some)


def test_what_is_ready_before_the_first_alert_leaves_out_who_gets_none() -> None:
    """R1: a stopped network is refused, and the country that alerts go to is the rest."""
    index = index_of(stopped=True)
    index.prepare(NOW)
    ready = _kept(index)
    assert ready is index.ground_of(NAMES[:5], NOW)
    assert (0, 1, 2, 3, 4) == tuple(own[0] for _, own in ready.places)
    assert "layout" in vars(ready), "found before it is asked for"


def test_R03_another_day_has_the_plans_that_are_in_force_then() -> None:
    later = Plan(2, "2026-11-23", (), ())
    index = index_of(plans=(*network(6).plans, later))
    today, tomorrow = (index.ground_of(NAMES, at).territories for at in (NOW, TOMORROW))
    assert (1, 2) == (len(today), len(tomorrow)), "networks that planning cannot tell apart are one territory"
    assert [1, 2] == [index.plans_at(at)[NAMES[5]].version for at in (NOW, TOMORROW)]


def _kept(index: RegisterIndex) -> Ground:
    return index._country[2]
