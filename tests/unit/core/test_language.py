"""Which version of a text one member gets (R16)."""

import pytest

from klaroen.core.language import choose_language


@pytest.mark.parametrize(
    ("networks", "content", "expected"),
    [
        ([["nl"]], ["nl", "fr"], ("nl", False)),
        ([["fr"]], ["nl", "fr"], ("fr", False)),
        ([["nl", "fr"]], ["fr", "nl"], ("nl", False)),  # the network's order, not the sender's
        ([["nl", "fr"]], ["nl", "fr", "mul"], ("mul", False)),  # mul serves networks with more than one
        ([["nl"]], ["mul", "nl"], ("nl", False)),  # and no other
        ([["nl", "fr"]], ["fr"], ("fr", True)),  # the network's next language
        ([["de"]], ["fr", "nl"], ("fr", True)),  # the first supplied
        ([["de"]], ["mul"], ("mul", True)),
        ([["de"], ["nl"]], ["fr", "nl"], ("nl", True)),  # another of the person's networks before that
    ],
)
def test_R16_the_network_decides(networks: list[list[str]], content: list[str], expected: tuple[str, bool]) -> None:
    assert expected == choose_language(networks, content)  # type: ignore[arg-type]
    assert expected == choose_language(networks, content, "en", "network")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("networks", "content", "member", "expected"),
    [
        ([["nl"]], ["nl", "en"], "en", ("en", False)),
        ([["nl"]], ["nl"], None, ("nl", False)),
        ([["nl"]], ["nl"], "en", ("nl", True)),
        ([["nl", "fr"]], ["mul"], "fr", ("mul", False)),
        ([["nl", "fr"]], ["mul"], "de", ("mul", True)),
        ([["nl", "fr"]], ["mul", "fr"], "fr", ("fr", False)),
    ],
)
def test_R16_the_member_decides_only_where_the_register_allows_it(
    networks: list[list[str]], content: list[str], member: str | None, expected: tuple[str, bool]
) -> None:
    assert expected == choose_language(networks, content, member, "member")  # type: ignore[arg-type]
