"""What we stand on: what is installed is what is locked, and nothing locked is known to be unsafe.

CI reaches no list of advisories: the floors below are those that were known when they were written. `make audit` asks
the Python Packaging Advisory Database, where there is a network.
"""

import re
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.version import Version

ROOT = Path(__file__).parents[2]
PINNED = re.compile(r"(?m)^([a-z0-9][a-z0-9.-]*)(?:\[[a-z0-9,-]+\])?==([^ ;]+)")
LOCKED: dict[str, set[Version]] = {}
for name, found in PINNED.findall((ROOT / "requirements-test.lock").read_text()):
    LOCKED.setdefault(name, set()).add(Version(found))  # a package may have one version by Python's
FLOORS = {
    "aiohttp": ("3.12.14", "CVE-2025-53643: request smuggling"),
    "certifi": ("2024.7.4", "CVE-2024-39689: a distrusted root"),
    "cryptography": ("44.0.1", "CVE-2024-12797: OpenSSL's raw public keys"),
    "h11": ("0.16.0", "CVE-2025-43859: chunks read leniently"),
    "idna": ("3.7", "CVE-2024-3651: quadratic encoding"),
    "lxml": ("4.9.1", "CVE-2022-2309: a null pointer"),
    "protobuf": ("6.31.1", "CVE-2025-4565: recursion without end"),
    "requests": ("2.32.4", "CVE-2024-47081: credentials of .netrc to another host"),
    "signxml": ("4.0.4", "CVE-2025-48994, CVE-2025-48995: HMAC taken for a signature, timing"),
    "starlette": ("0.49.1", "CVE-2025-62727: quadratic Range"),
    "urllib3": ("2.5.0", "CVE-2025-50181, CVE-2025-50182: redirects that were switched off"),
    "werkzeug": ("3.0.6", "CVE-2024-49767: a form that takes all memory"),
}
"""Package -> the first version without it, and what it is."""


def test_nothing_that_is_locked_is_known_to_be_unsafe() -> None:
    known = {name: Version(floor) for name, (floor, _) in FLOORS.items() if name in LOCKED}
    assert known, "a list that speaks of nothing we use"
    assert {} == {name: min(LOCKED[name]) for name, floor in known.items() if min(LOCKED[name]) < floor}


def test_what_is_installed_is_what_is_locked() -> None:
    """Whoever has another version tests another system. (A lock names packages of other systems, too.)"""
    installed = {}
    for name in LOCKED:
        with suppress(PackageNotFoundError):
            installed[name] = Version(version(name))
    assert len(installed) > len(LOCKED) // 2
    assert {} == {name: found for name, found in installed.items() if found not in LOCKED[name]}
