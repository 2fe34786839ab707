"""What texts and names may hold, and how long they may be."""

from typing import Final

TEXT_MAX: Final = 2_000
"""Characters; longer is refused, never cut. Some 30 parts by SMS, two minutes spoken."""
SUBJECT_MAX: Final = 200
"""Characters; a mail's header line holds 998 bytes (RFC 5322, 2.1.1)."""
LINES: Final = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
"""A pattern of texts: no control character but tab, LF and CR, since none of the others is carried exactly."""
ONE_LINE: Final = r"^[^\u0000-\u001f\u007f-\u009f]*$(?!\n)"
"""A pattern of names and the like: no control character at all. Python's `$` would let a last LF pass."""
