"""What a carrier says of somebody says nothing of who that is (R7)."""

import pytest

from klaroen.core.discreet import discreet


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("", ""),
        ("404", "404"),
        ("0x00000045", "0x00000045"),
        ("smtp 550 5.1.1", "smtp 550 5.1.1"),
        ("in doubt after a restart", "in doubt after a restart"),
        ("invalid +32470123456", "invalid ..."),
        ("to:32470123456 unknown", "to:... unknown"),
        ("0470 12 34 56 is barred", "... is barred"),
        ("(0470) 12.34/56", "(..."),
        ("550 <an@example.be> unknown", "550 <...> unknown"),
        ("x" * 60, "x" * 60),
    ],
)
def test_R07_a_code_keeps_no_number_and_no_address(said: str, kept: str) -> None:
    """Codes of standards stay as they are."""
    assert kept == discreet(said)
