"""Readers lend one connection to one thread at a time."""

from pathlib import Path

import pytest

from klaroen.store.connection import Connection
from klaroen.store.readers import IDLE_MAX, Readers


class Opened:
    """Connects, and counts."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "x.db"
        self.path.touch()
        self.connections: list[Connection] = []

    def __call__(self) -> Connection:
        self.connections.append(Connection(self.path))
        return self.connections[-1]


def closed(connection: Connection) -> bool:
    try:
        connection.rows("SELECT 1")
    except Exception:
        return True
    return False


def test_a_connection_is_used_again(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    readers = Readers(opened)
    for _ in range(3):
        with readers.lend() as reading:
            assert reading.in_transaction
    assert len(opened.connections) == 1
    assert not opened.connections[0].in_transaction
    readers.close()
    assert closed(opened.connections[0])


def test_two_at_once_get_two(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    readers = Readers(opened)
    with readers.lend() as first, readers.lend() as second:
        assert first is not second
    readers.close()


def test_few_are_kept_idle(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    readers = Readers(opened)
    lent = [readers.lend() for _ in range(IDLE_MAX + 2)]
    for each in lent:
        each.__enter__()
    for each in lent:
        each.__exit__(None, None, None)
    assert sum(not closed(connection) for connection in opened.connections) == IDLE_MAX
    readers.close()


def test_one_that_failed_is_not_lent_again(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    readers = Readers(opened)
    with pytest.raises(ZeroDivisionError), readers.lend():
        raise ZeroDivisionError
    assert closed(opened.connections[0])
    with readers.lend():
        pass
    assert len(opened.connections) == 2
    readers.close()


def test_one_that_comes_back_after_the_close_is_closed(tmp_path: Path) -> None:
    opened = Opened(tmp_path)
    readers = Readers(opened)
    with readers.lend():
        readers.close()
    assert closed(opened.connections[0])
    with pytest.raises(AssertionError), readers.lend():
        pass
