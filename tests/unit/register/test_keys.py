"""The keys that seal the register, and the file that holds them."""

from pathlib import Path

import pytest

from klaroen.register.keys import KeyFault, Keyring, read_keys, write_keys

PLACE = [b"member", b"M1", b"1"]


def test_what_is_sealed_opens_in_its_own_place_alone() -> None:
    """The row's identity is associated data (RFC 5297): a row that is put in the place of another does not open."""
    keys = Keyring.fresh()
    sealed = keys.seal(PLACE, b"+32470123456")
    assert b"+32470123456" == keys.open(1, PLACE, sealed)
    assert b"123456" not in sealed
    for place, octets in (([b"member", b"M2", b"1"], sealed), (PLACE, sealed[:-1] + bytes([sealed[-1] ^ 1]))):
        with pytest.raises(KeyFault, match="key 1 has sealed cannot be opened"):
            keys.open(1, place, octets)
    with pytest.raises(KeyFault, match="key 2, which is not in the key file"):
        keys.open(2, PLACE, sealed)


def test_a_new_key_seals_while_the_older_ones_still_open() -> None:
    old = Keyring.fresh()
    keys = old.with_new()
    assert (2, True, False) == (keys.current, keys.has_older, keys.with_current_alone().has_older)
    assert b"x" == keys.open(1, PLACE, old.seal(PLACE, b"x"))
    assert old.seal(PLACE, b"x") != keys.seal(PLACE, b"x")
    assert [keys.with_current_alone().digest("a"), old.digest("a")] == keys.digests("a")


def test_addresses_are_found_whatever_their_case() -> None:
    """A mail address is written as its owner likes; a keyed hash says nothing of it."""
    keys, other = Keyring.fresh(), Keyring.fresh()
    assert keys.digest("An@Example.be") == keys.digest("an@example.be") != other.digest("an@example.be")


def test_the_file_is_for_its_owner_alone_and_gives_the_keys_back(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "register.keys"
    assert read_keys(path) is None
    keys = Keyring.fresh().with_new()
    write_keys(path, keys)
    assert (0o700, 0o600) == (path.parent.stat().st_mode & 0o777, path.stat().st_mode & 0o777)
    again = read_keys(path)
    assert again is not None
    assert b"x" == again.open(2, PLACE, keys.seal(PLACE, b"x"))
    assert "Keyring([1, 2])" == repr(again), "a key is never printed"
    write_keys(path, keys.with_current_alone())
    assert [path] == [*path.parent.iterdir()]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "holds no keys"),
        ("# a comment\n", "holds no keys"),
        ("1 abc\n", "holds no keys"),
        (f"0 {'a' * 128}\n", "holds no keys"),
        (f"1 {'a' * 128}\n1 {'b' * 128}\n", "two keys of one number"),
        ("#" * 70_000 + f"\n1 {'a' * 128}\n", "holds no keys"),
    ],
)
def test_a_file_that_holds_no_keys_is_refused_by_name(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "register.keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(KeyFault, match=words):
        read_keys(path)


def test_a_file_that_the_world_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "register.keys"
    write_keys(path, Keyring.fresh())
    path.chmod(0o644)
    with pytest.raises(KeyFault, match="chmod o="):
        read_keys(path)


def test_a_place_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(KeyFault, match="cannot be written"):
        write_keys(tmp_path / "file" / "register.keys", Keyring.fresh())
    with pytest.raises(KeyFault, match="Is a directory"):
        read_keys(tmp_path)
