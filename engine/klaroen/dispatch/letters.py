"""What members say back, on its way to the disk and to an answer."""

from collections import deque
from typing import TYPE_CHECKING

from klaroen.core.ports import Reply
from klaroen.core.replies import ReplyRow
from klaroen.dispatch.bell import Bell

if TYPE_CHECKING:
    from klaroen.dispatch.station import Station


class Letters:
    """Those of all carriers."""

    def __init__(self) -> None:
        self.replied: deque[tuple[Station, Reply]] = deque()
        """What they wrote, not durable yet."""
        self.pressed: list[ReplyRow] = []
        """Keys that were replies."""
        self.came = Bell()
        self.owed = Bell()
