"""What is kept of a register version is what would be found anew."""

from klaroen.core.audience import locate
from klaroen.core.model import NetworkId
from klaroen.dispatch.register_index import RegisterIndex
from klaroen.register.snapshot import make_snapshot
from klaroen.testing.country import network, register

NAMES = tuple(NetworkId(f"BIN-{number:04}") for number in range(1, 7))


def index_of(**changes: object) -> RegisterIndex:
    """Six networks of three members; `changes` are the last one's."""
    networks = [network(number) for number in range(1, 6)] + [network(6, **changes)]
    return RegisterIndex(make_snapshot(1, register(networks, 3)))


def test_the_places_of_a_country_are_found_once_and_those_of_any_set_are_right() -> None:
    index = index_of()
    country = index.places_of(NAMES)
    assert country is index.places_of((*NAMES,))
    for some in (NAMES[:1], NAMES[1:], NAMES[2:4], NAMES, NAMES[:5], NAMES):
        assert index.places_of(some) == locate(index.regions.regions, some)


def test_what_is_ready_before_the_first_alert_leaves_out_who_gets_none() -> None:
    """R1: a stopped network is refused, and the country that alerts go to is the rest."""
    index = index_of(stopped=True)
    ready = index._country
    assert NAMES[:5] == ready[0]
    assert ready[1] is index.places_of(NAMES[:5])
    assert (0, 1, 2, 3, 4) == tuple(own[0] for _, own in ready[1])
