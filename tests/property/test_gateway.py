"""Whatever a gateway or a stranger sends, nothing but an answer for each attempt or an InputError comes of it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from klaroen.core.errors import InputError
from klaroen.core.model import AttemptId, Instant
from klaroen_adapters.sms import gateway

NOW = Instant(1_795_302_930_000)
ATTEMPTS = tuple(AttemptId(f"a{index}") for index in range(4))
PROFILES = st.sampled_from(sorted(gateway.PROFILES))

words = st.sampled_from(
    ["a0", "a1", "a2", "b", "accepted", "refused", "delivered", "failed", "2026-11-21T23:15:30Z", ""]
)
leaves = st.none() | st.booleans() | st.integers() | st.floats() | words | st.text(max_size=5)
keys = st.sampled_from(["items", "ref", "id", "status", "code", "state", "at", "part", "x"])
trees = st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6))
items = st.lists(st.dictionaries(keys, leaves, max_size=6), max_size=6)
bodies = st.binary(max_size=100) | (trees | items | items.map(lambda some: {"items": some})).map(
    lambda tree: json.dumps(tree).encode()
)


@given(PROFILES, st.integers(100, 599), st.text(max_size=20), bodies)
def test_every_attempt_gets_exactly_one_answer(
    profile: gateway.ProfileName, status: int, retry_after: str, body: bytes
) -> None:
    parsed = gateway.parse_answer(profile, ATTEMPTS, status, {"retry-after": retry_after}, body, NOW)
    assert list(ATTEMPTS) == [answer.attempt for answer in parsed.answers]


@given(
    PROFILES, st.binary(max_size=80) | st.text("for=key&state.%0123456789abcdef-_", max_size=80).map(str.encode), bodies
)
def test_callbacks_are_receipts_or_input_errors(profile: gateway.ProfileName, query: bytes, body: bytes) -> None:
    method = gateway.PROFILES[profile].receipts_by
    assert not gateway.authentic(profile, b"secret", query, {}, body, NOW)
    try:
        receipts: list[Any] = list(gateway.parse_receipts(profile, method, query, {}, body))
    except InputError:
        return
    assert all(receipt.attempt is not None or receipt.ref is not None for receipt in receipts)
