"""What happened in a world: the last of it in words, all of it as a hash.

Law: two worlds with the same digest went the same way, event by event.
"""

from collections import deque
from hashlib import blake2b
from typing import Final

import trio

KEPT: Final = 40
"""Events that are told of a world that broke."""


class Chronicle:
    def __init__(self) -> None:
        self._hash = blake2b(digest_size=8)
        self.last: deque[str] = deque(maxlen=KEPT)
        self.count = 0

    def tell(self, *words: object) -> None:
        line = f"{trio.current_time():10.3f} {' '.join(map(str, words))}"
        self._hash.update(line.encode())
        self.last.append(line)
        self.count += 1

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()
