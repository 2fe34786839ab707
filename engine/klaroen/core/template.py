"""What a WhatsApp template can carry as its parameter, letter for letter.

Law: a text that would have to be changed is not carried (law 8). Blanks, and what a client draws in bold, stay as they
are: the text that leaves is the text that was posted.
Source: WhatsApp Business Platform, error 100, "Param text cannot have new-line/tab characters or more than 4
consecutive spaces"; "Components", body.
"""

import re
from typing import Final

SPACES_MAX: Final = 4
"""In a row."""
BODY_MAX: Final = 1_024
"""Characters of a template's body once it is filled in."""

_LINE_ENDS: Final = re.compile("[\n\v\f\r\x1c-\x1e\x85\u2028\u2029]")
"""Whatever any reader takes for the end of a line."""
_SPACES: Final = re.compile(" {5,}")


def unable(text: str, characters_max: int) -> str | None:
    """Return why a template cannot carry the text exactly, as a code (`unable_…` in `core.phrases`); None where it can.

    Units: UTF-16 units, the stricter reading of "characters".
    """
    if _LINE_ENDS.search(text):
        return "line_end"
    if "\t" in text:
        return "tab"
    if _SPACES.search(text):
        return "spaces"
    try:
        units = len(text.encode("utf-16-le")) // 2
    except UnicodeEncodeError:
        return "encoding"
    return "length" if units > characters_max else None
