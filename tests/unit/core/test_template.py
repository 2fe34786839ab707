"""What a WhatsApp template can carry, letter for letter."""

import pytest

from klaroen.core.template import BODY_MAX, unable


@pytest.mark.parametrize(
    "text", ["Dag", " 4    spaces ", "e\u0301 \u202e €", "🚨" * (BODY_MAX // 2), "a" * BODY_MAX, "*x* _y_"]
)
def test_what_is_carried_exactly(text: str) -> None:
    assert unable(text, BODY_MAX) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *((f"a{end}b", "line_end") for end in ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")),
        ("a\tb", "tab"),
        ("a     b", "spaces"),
        ("a\ud83d", "encoding"),
        ("a" * 11, "length"),
        ("🚨" * 6, "length"),
    ],
)
def test_what_a_template_would_change_is_refused(text: str, code: str) -> None:
    """Whatever an error of Meta's names, and what is cut: the longer reading of "characters" is not relied upon."""
    assert code == unable(text, 10)
