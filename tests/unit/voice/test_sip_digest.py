"""Digest: the examples of the RFCs, what we repeat, and which challenges we cannot meet."""

import pytest
from tests.unit.voice.torture import octets

from klaroen_adapters.voice.sip_digest import CHALLENGE_MAX, Challenge, Keyring, choose, read_challenge
from klaroen_adapters.voice.sip_headers import read_pairs
from klaroen_adapters.voice.sip_message import Response, parse

RFC2617 = (
    'Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", '
    'opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)
RFC7616 = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


def challenged(*challenges: str, status: int = 401) -> Response:
    name = "WWW-Authenticate" if status == 401 else "Proxy-Authenticate"
    lines = "\n".join(f"{name}: {challenge}" for challenge in challenges)
    found = parse(
        octets(f"""
SIP/2.0 {status} Words
Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKa
From: <sip:us@example.net>;tag=ours
To: <sip:them@example.net>;tag=theirs
Call-ID: A1
CSeq: 1 INVITE
{lines}

""")
    )
    assert isinstance(found, Response)
    return found


def answer(
    user: str, password: str, cnonce: str, challenge: str, method: str = "GET", uri: str = "/dir/index.html"
) -> dict[str, str]:
    keyring = Keyring(user, password, lambda: cnonce)
    assert keyring.learn("server", challenged(challenge)) is not None
    name, _, value = keyring.lines(method, uri).removesuffix("\r\n").partition(": ")
    assert ("Authorization", "Digest ") == (name, value[:7])
    return read_pairs(value[7:])


def test_the_example_of_rfc_2617() -> None:
    """3.5: MD5 with qop, and everything that is repeated."""
    assert {
        "username": "Mufasa",
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "uri": "/dir/index.html",
        "response": "6629fae49393a05397450978507c4ef1",
        "opaque": "5ccc069c403ebaf9f0171e9517f40e41",
        "qop": "auth",
        "nc": "00000001",
        "cnonce": "0a4f113b",
    } == answer("Mufasa", "Circle Of Life", "0a4f113b", RFC2617)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    """3.9.1."""
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    said = answer("Mufasa", "Circle of Life", cnonce, RFC7616.format(algorithm))
    assert (response, algorithm) == (said["response"], said["algorithm"])


BILOXI = (
    'Digest realm="biloxi.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"'
)


@pytest.mark.parametrize(
    ("more", "response"),
    [
        ("", "bf57e4e0d0bffc0fbaedce64d59add5e"),
        (', qop="auth"', "89eb0059246c02b2f6ee02c7961d5ea3"),
        (', qop="auth,auth-int", algorithm=md5-sess', "e4e4ea61d186d07a92c9e1f6919902e9"),
    ],
)
def test_the_examples_of_sipping_auth(more: str, response: str) -> None:
    """draft-smith-sipping-auth-examples-01, 3: INVITE without qop (as RFC 2069), with it, and with a session key."""
    said = answer("bob", "zanzibar", "0a4f113b", BILOXI + more, "INVITE", "sip:bob@biloxi.com")
    assert response == said["response"]


def test_what_was_not_said_is_not_repeated() -> None:
    """Neither qop, nor a cnonce that nobody needs, nor an algorithm or opaque that was not there."""
    said = answer("bob", "zanzibar", "c", 'Digest realm="r", nonce="n"', "INVITE", "sip:b@r")
    assert ["username", "realm", "nonce", "uri", "response"] == list(said)


def test_a_session_key_needs_its_cnonce_told() -> None:
    """MD5-sess without qop (RFC 7616, 3.4.2)."""
    said = answer("bob", "zanzibar", "c0", 'Digest realm="r", nonce="n", algorithm=MD5-sess', "INVITE", "sip:b@r")
    assert ("MD5-sess", "c0", False) == (said["algorithm"], said["cnonce"], "nc" in said)


def test_a_nonce_is_counted_and_used_until_another_comes() -> None:
    """RFC 7616, 3.4: nc tells a repeat from a replay."""
    keyring = Keyring("bob", "zanzibar", lambda: "c")
    assert "" == keyring.lines("INVITE", "sip:b@r")
    keyring.learn("server", challenged('Digest realm="r", nonce="n", qop="auth"'))
    assert ["nc=00000001", "nc=00000002"] == [
        next(word for word in keyring.lines("INVITE", "sip:b@r").split(", ") if word.startswith("nc="))
        for _ in range(2)
    ]
    keyring.learn("server", challenged('Digest realm="r", nonce="m", qop="auth"'))
    assert "nc=00000001" in keyring.lines("INVITE", "sip:b@r")


def test_both_doors_are_answered_at_once() -> None:
    """A proxy on the way and the server behind it ask each for its own."""
    keyring = Keyring("bob", "zanzibar", lambda: "c")
    keyring.learn("server", challenged('Digest realm="r", nonce="n"'))
    keyring.learn("proxy", challenged('Digest realm="p", nonce="m"', status=407))
    lines = keyring.lines("INVITE", "sip:b@r").split("\r\n")
    assert ["Authorization", "Proxy-Authorization", ""] == [line.partition(":")[0] for line in lines]


def test_what_is_quoted_stays_quoted() -> None:
    """A realm may hold quotes and backslashes, and a user letters beyond ASCII."""
    said = answer('b"é', "p", "c", r'Digest realm="r \"1\" \\", nonce="n"')
    assert ('r "1" \\', 'b"é'.encode()) == (said["realm"], said["username"].encode("latin-1"))


def test_the_better_algorithm_is_taken() -> None:
    """RFC 8760, 2.4: several challenges, in the order that the client likes."""
    both = [RFC7616.format("MD5"), RFC7616.format("SHA-256"), RFC7616.format("SHA-512-256")]
    chosen = choose(both)
    assert chosen is not None
    assert "SHA-256" == chosen.algorithm
    assert choose(both[2:]) is None


@pytest.mark.parametrize(
    "value",
    [
        'Basic realm="r"',
        'Digest realm="r"',
        'Digest realm="r", nonce="n',
        'Digest realm="r", nonce="n", qop="auth-int"',
        'Digest realm="r", nonce="n", algorithm=SHA-512-256',
        'Digest realm="r", nonce="n", algorithm=MD5-session',
        f'Digest realm="r", nonce="{"n" * CHALLENGE_MAX}"',
        "",
    ],
)
def test_a_challenge_that_cannot_be_met_is_none(value: str) -> None:
    """Never an error: the call is refused, as by any other status."""
    assert read_challenge(value) is None


def test_a_challenge_is_read_whatever_its_case_and_its_order() -> None:
    """Names and flags without case; what is no pair is skipped."""
    assert Challenge("", "n", None, "MD5", False, False, True, True) == read_challenge(
        'DIGEST  qop=Auth,stale=TRUE, odd ,nonce="n"'
    )


def test_without_a_user_no_challenge_is_met() -> None:
    """There is nothing to meet it with."""
    keyring = Keyring("", "", lambda: "c")
    assert keyring.learn("server", challenged(RFC2617)) is None
    assert "" == keyring.lines("INVITE", "sip:b@r")
