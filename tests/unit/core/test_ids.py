"""Names of alerts and attempts: functions of what they name."""

import re

import pytest
from tests.unit.core.batches import ACME, CALL, OTHER, make_batch

from klaroen.core.ids import REFERENCES, alert_id, attempt_ids, free_reference
from klaroen.core.model import AlertId, Batch

ID = re.compile(r"[A-Za-z0-9_]{1,40}")
"""What the contract promises of every id."""


def test_an_alerts_id_is_its_chance() -> None:
    assert "AAAAAAAAAAAAAAAAAAAAAAAAAA" == alert_id(bytes(16))
    names = {alert_id(bytes([byte]) * 16) for byte in range(256)}
    assert len(names) == 256
    assert all(ID.fullmatch(name) and len(name) == 26 for name in names)


def test_an_alerts_id_needs_all_its_chance() -> None:
    with pytest.raises(AssertionError):
        alert_id(b"short")


def test_attempts_are_named_in_order() -> None:
    batch = make_batch(3)
    ids = attempt_ids(batch, ACME, [0, 1, 2])
    assert len(set(ids)) == 3
    assert all(ID.fullmatch(name) and len(name) == 26 for name in ids)
    assert [ids[2], ids[0]] == attempt_ids(batch, ACME, [2, 0])


@pytest.mark.parametrize(
    "other",
    [
        make_batch(number=2),
        make_batch(possible_duplicate=True, only=ACME, deferrals=3),
        make_batch(passed=(OTHER,), tried=(CALL,), due_at=99, wait_s=1.0),
        make_batch(deliveries=[4, 0]),
    ],
)
def test_a_resend_after_an_unknown_is_the_same_attempt(other: Batch) -> None:
    """Whatever batch carries it, with the same key: so that the carrier knows it again."""
    assert attempt_ids(make_batch(), ACME, [0]) == attempt_ids(other, ACME, [0])


@pytest.mark.parametrize("other", [make_batch(attempt_no=1), make_batch(rung=1), make_batch(step=CALL)])
def test_another_try_or_step_is_another_attempt(other: Batch) -> None:
    assert attempt_ids(make_batch(), ACME, [0]) != attempt_ids(other, ACME, [0])


def test_another_carrier_or_alert_is_another_attempt() -> None:
    batch = make_batch()
    elsewhere = Batch(**{name: getattr(batch, name) for name in Batch.__struct_fields__} | {"alert": AlertId("OTHER")})
    ids = {*attempt_ids(batch, ACME, [0]), *attempt_ids(batch, OTHER, [0]), *attempt_ids(elsewhere, ACME, [0])}
    assert len(ids) == 3


@pytest.mark.parametrize(
    ("taken", "first"),
    [
        ((), 0),
        ((7,), 8),
        ((0, 1, 2), 3),
        ((REFERENCES - 1,), 0),
        ((10, 60_000), 11),
        ((3, 40_000), 4),
        ((30_000, 60_000), 60_001),
    ],
)
def test_references_go_on_where_most_are_free(taken: tuple[int, ...], first: int) -> None:
    assert first == free_reference(taken)
