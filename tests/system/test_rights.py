"""Every call by every role, inside its scope and outside of it, against the real processes (R7, R8, R10).

What is expected comes from the tables in the code (`edge/rights`, `core/policy`); what is sent to each call stands
here, and a call without a sample fails.
"""

import io
import itertools
import json
import math
import struct
import wave
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

import pytest
from tests.system.installation import Answered, Installation

from klaroen.core.model import Role
from klaroen.core.policy import ACTIONS, SENDS
from klaroen.edge.rights import RIGHTS, Open, Right

ROLES: tuple[Role, ...] = get_args(Role)
SCOPES: Mapping[Role, tuple[str, str]] = {
    "police": ("zones", "Z{}"),
    "dispatch_centre": ("zones", "Z{}"),
    "crisis_authority": ("municipalities", "M{}"),
    "coordinator": ("networks", "BIN-{}"),
}
"""What makes network A, or B, a role's own; an operator has no scope, and neither has a carrier."""
SEEN: dict[Role, str] = {"crisis_authority": "public_interest", "dispatch_centre": "public_interest"}
"""The class of an alert of others that each may see in its scope; else warm."""
SENT: dict[Role, str] = {row.role: row.classes[0] for row in SENDS}
ROWS = {row.action: row for row in ACTIONS}
CANCEL = ("POST", "/v1/alerts/{id}/cancel")
OWN_ALONE: set[tuple[Role, tuple[str, str]]] = {("coordinator", CANCEL)}
"""What a role may do to its own alerts alone: here all are others'."""
PUT_GRANT = ("PUT", "/v1/networks/{id}/grants/{coordinator}")
STOP, RESUME = ("POST", "/v1/networks/{id}/stop"), ("POST", "/v1/networks/{id}/resume")
PUT_MEMBER = ("PUT", "/v1/networks/{id}/members/{member}")
BEFORE = {("DELETE", PUT_GRANT[1]): PUT_GRANT, RESUME: STOP}
AFTER = {STOP: RESUME, RESUME: RESUME, ("DELETE", PUT_MEMBER[1]): PUT_MEMBER}
"""What somebody who may does first, so that there is something to undo; or afterwards, so that nothing stays so."""
NAMES = {"{member}": "MA1", "{coordinator}": "KA", "{name}": "simulated"}
TEXT = {"nl": {"text": "Inbraak bezig."}}


def sound() -> bytes:
    """A second of a tone, as WAV."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(n / 5))) for n in range(8000)))
    return file.getvalue()


class Sample(NamedTuple):
    """What is sent to a call, and what it answers to whoever may."""

    status: int = 200
    body: Any = None
    """JSON, or octets as they are."""


def sample(call: tuple[str, str], role: Role, network: str) -> Sample:
    """Return what this role would send to this call about this network. Raises KeyError for a call without a sample."""
    alert = {"class": SENT.get(role, "warm"), "targets": {"networks": [network]}, "content": TEXT}
    follow_up = {"class": "cold" if role in ("police", "coordinator") else "warm", "to": "unreached", "content": TEXT}
    return {
        ("POST", "/v1/alerts"): Sample(202, alert),
        ("POST", "/v1/forecasts"): Sample(200, alert),
        ("POST", "/v1/alerts/{id}/follow-ups"): Sample(202, follow_up),
        ("POST", "/v1/recordings"): Sample(201, sound()),
        ("POST", "/v1/alerts/{id}/pause"): Sample(),
        ("POST", "/v1/alerts/{id}/resume"): Sample(),
        CANCEL: Sample(),
        **{("POST", f"/v1/alerts/{{id}}/{verb}"): Sample(409) for verb in ("consent", "approve", "refuse")},
        PUT_GRANT: Sample(200, {"until": "2099-12-31"}),
        ("DELETE", PUT_GRANT[1]): Sample(),
        ("DELETE", "/v1/networks/{id}/quiet/{member}"): Sample(),
        PUT_MEMBER: Sample(200, {"name": "N", "adult": True, "house_rules": True, "mobile": "+32470000001"}),
        ("DELETE", PUT_MEMBER[1]): Sample(),
        STOP: Sample(200, {"reason": "R", "with": "W"}),
        RESUME: Sample(200, {"reason": "R", "with": "W"}),
        ("POST", "/v1/carriers/{name}/avoid"): Sample(),
        ("POST", "/v1/carriers/{name}/restore"): Sample(),
        **{one: Sample() for one in RIGHTS if one[0] == "GET"},
    }[call]


class Country:
    """An installation with a token of each role for network A and for B, and alerts of others in A."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.secrets = {
            (role, scope): installation.token(f"{role} {scope}", role, **self._scope(role, scope))
            for role, scope in itertools.product(ROLES, "AB")
        }
        self._sender = installation.token("zone A itself", "police", zones=("ZA",))
        self.revoked = installation.token("revoked", "operator")
        self._keys = itertools.count()

    @staticmethod
    def _scope(role: Role, scope: str) -> dict[str, Any]:
        if role == "carrier":
            return {"carrier": f"other{scope}"}
        if role not in SCOPES:
            return {}
        field, name = SCOPES[role]
        known = {"coordinator": f"K{scope}"} if role == "coordinator" else {}
        return {field: (name.format(scope),), **known}

    def send(self, alert_class: str) -> str:
        body = {"class": alert_class, "targets": {"networks": ["BIN-A"]}, "content": TEXT, "urgent": True}
        if alert_class != "public_interest":
            del body["urgent"]
        answer = self.send_json("POST", "/v1/alerts", self._sender, body)
        assert answer.status == 202, answer
        return str(json.loads(answer.body)["id"])

    def send_json(self, method: str, path: str, secret: str | None, body: Any) -> Answered:
        headers = {"content-type": "application/json", "idempotency-key": f"k{next(self._keys)}"}
        return self.installation.call(method, path, secret, json.dumps(body).encode(), headers)

    def make(self, call: tuple[str, str], role: Role, secret: str | None, network: str) -> tuple[Answered, Sample]:
        """Make a call about network A, or about an alert in it that somebody else has sent."""
        if call in BEFORE:
            self._make(BEFORE[call], "police", self._sender, network)
        made = self._make(call, role, secret, network)
        if call in AFTER:
            self._make(AFTER[call], "police", self._sender, network)
        return made

    def _make(self, call: tuple[str, str], role: Role, secret: str | None, network: str) -> tuple[Answered, Sample]:
        one = sample(call, role, network)
        path = call[1]
        for name, value in NAMES.items():
            path = path.replace(name, value)
        if "/alerts/{id}" in path:
            path = path.replace("{id}", self.send(SEEN.get(role, "warm")))
        path = path.replace("{id}", network)
        if isinstance(one.body, dict):
            return self.send_json(call[0], path, secret, one.body), one
        return self.installation.call(call[0], path, secret, one.body or b""), one


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Country]:
    with Installation(tmp_path_factory.mktemp("rights")) as installation:
        country = Country(installation)
        installation.serve()
        yield country


SECURED = {call: right for call, right in RIGHTS.items() if isinstance(right, Right)}


def may(role: Role, call: tuple[str, str]) -> bool:
    """Whether a role may make a call at all; without an action, whether it may send what it would."""
    action = SECURED[call].action
    if (role, call) in OWN_ALONE:
        return False
    if action is not None:
        return role in ROWS[action].roles
    return any(row.role == role and sample(call, role, "BIN-A").body["class"] in row.classes for row in SENDS)


def assert_barred(role: Role, call: tuple[str, str], answer: Answered) -> None:
    """403; of an alert that the role may not even see, and where no action bars it, 404 as well."""
    hidden = (SECURED[call].action is None and "{id}" in call[1]) or (role, call) in OWN_ALONE
    assert (role, answer.status) in ({(role, 403), (role, 404)} if hidden else {(role, 403)}), answer


@pytest.mark.parametrize("call", SECURED, ids=" ".join)
def test_R08_each_role_may_what_the_tables_say_inside_its_scope(country: Country, call: tuple[str, str]) -> None:
    """And what it may not is 403, whatever else would be wrong with the call."""
    for role in ROLES:
        answer, one = country.make(call, role, country.secrets[role, "A"], "BIN-A")
        if may(role, call):
            assert (role, one.status) == (role, answer.status), answer
        else:
            assert_barred(role, call, answer)


@pytest.mark.parametrize("call", SECURED, ids=" ".join)
def test_R08_what_lies_outside_a_scope_is_not_there(country: Country, call: tuple[str, str]) -> None:
    """Neither to be seen nor to be touched: 404, nobody to warn, an empty list."""
    right = SECURED[call]
    for role in ROLES:
        answer, one = country.make(call, role, country.secrets[role, "B"], "BIN-A")
        if not may(role, call):
            assert_barred(role, call, answer)
        elif role == "operator" or right.beyond == "same":
            assert (role, one.status) == (role, answer.status), answer
        elif right.beyond == "not-found":
            assert (role, 404, "not-found") == (role, answer.status, answer.problem)
        elif right.beyond == "nobody":
            assert (role, 422, "nobody") == (role, answer.status, answer.problem)
        else:
            assert (role, 200) == (role, answer.status)
            assert b"BIN-A" not in answer.body


def test_without_a_token_that_is_valid_nothing_is_told(country: Country) -> None:
    """No token, one that nobody has, one that has been revoked: 401, of every call that needs one."""
    country.installation.command("token", "revoke", "revoked")
    for call, right in RIGHTS.items():
        if isinstance(right, Open):
            continue
        for secret in (None, "", "x" * 43, country.revoked):
            path = call[1].replace("{id}", "A1")
            for name, value in NAMES.items():
                path = path.replace(name, value)
            answer = country.installation.call(call[0], path, secret)
            assert (call, 401, "unauthenticated") == (call, answer.status, answer.problem)


@pytest.mark.parametrize(
    "call", [call for call, right in RIGHTS.items() if right == Open("nobody's secret")], ids=" ".join
)
def test_what_is_open_tells_nothing_of_alerts_networks_or_people(country: Country, call: tuple[str, str]) -> None:
    alert = country.send("warm")
    answer = country.installation.call(call[0], call[1].replace("{name}", "malformed").replace("{farewell}", "0" * 32))
    assert answer.status == 200
    for secret in (alert, "BIN-A", "Inbraak", "70000001", "zone A", "example.be"):
        assert secret.encode() not in answer.body
