"""Our own sockets: whoever is connected stays so, and who comes next finds the file, whatever became of it."""

from contextlib import suppress
from pathlib import Path

import pytest
import trio

from klaroen_adapters.local import open_socket, serve_socket


@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
async def test_a_socket_whose_file_is_gone_is_made_again(tmp_path: Path, monkeypatch, replaced: bool) -> None:
    """Once a second it is looked for; a conversation goes on over it."""
    path = tmp_path / "dispatch.sock"
    monkeypatch.setattr("klaroen_adapters.local.LOOK_S", 0.01)

    async def connected() -> trio.SocketStream:
        with trio.fail_after(5):
            while True:
                with suppress(OSError):
                    return await trio.open_unix_socket(path)
                await trio.lowlevel.checkpoint()

    async def echo(stream: trio.SocketStream) -> None:
        async for chunk in stream:
            await stream.send_all(chunk)

    async def says(stream: trio.SocketStream, word: bytes) -> bool:
        await stream.send_all(word)
        return word == await stream.receive_some(10)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_socket, await open_socket(trio.Path(path)), echo)
        async with await connected() as before:
            assert await says(before, b"one")
            path.unlink()
            if replaced:
                path.write_bytes(b"")
            async with await connected() as after:
                assert await says(after, b"two")
                assert await says(before, b"three")
                assert 0o600 == path.stat().st_mode & 0o777
        nursery.cancel_scope.cancel()
