"""The commands: what they ask for, what they print, and how they exit."""

import csv
import hashlib
import io
import json
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace
from tests.unit.edge.samples import EVALUATION, FORECAST

from klaroen import cli
from klaroen.cli import asking, laboratory, remote
from klaroen.cli.context import CommandFault
from klaroen.cli.laboratory import BenchOptions, DemoOptions, VoiceOptions
from klaroen.core.calls import (
    CheckRegister,
    CreateToken,
    Evaluate,
    ExportRegister,
    ImportedView,
    ImportRegister,
    ListTokens,
    RevokeToken,
    VerifyAudit,
)
from klaroen.core.evaluation import EvaluationPage
from klaroen.core.upkeep import (
    ChangePage,
    ChangeView,
    ErasedView,
    EraseMember,
    ExportMember,
    KeyView,
    ListChanges,
    PersonView,
    RestoreVersion,
    RotateKey,
    VersionView,
)
from klaroen.core.views import AuditPage, AuditRow, AuditView, TokenView
from klaroen.seal import load_seal

Run = tuple[int, str, str]


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty directory, and no configuration in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in ("KLAROEN_CONFIG", "KLAROEN_URL", "KLAROEN_TOKEN", "LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)


class Terminal:
    """Runs command lines in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def run(self, *arguments: str) -> Run:
        code = cli.main(arguments)
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err

    def json(self, *arguments: str) -> tuple[int, Any]:
        """Run with --json: stdout is one object and nothing else."""
        code, out, _ = self.run(*arguments, "--json")
        assert out.count("\n") == 1
        return code, json.loads(out)


@pytest.fixture
def terminal(capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(capsys)


# --- usage and configuration ----------------------------------------------------------------------------------------

COMMANDS = [
    *("serve", "edge", "dispatch", "demo", "simulate", "evaluate", "config check"),
    *(f"token {verb}" for verb in ("create", "list", "revoke")),
    *(f"register {verb}" for verb in ("import", "check", "export", "versions", "restore", "changes", "rotate-key")),
    *(f"member {verb}" for verb in ("export", "erase")),
    *(f"audit {verb}" for verb in ("verify", "export", "key")),
    *(
        f"alert {verb}"
        for verb in (
            *("send", "forecast", "show", "list", "pause", "resume", "cancel", "consent", "approve", "refuse", "why"),
        )
    ),
    *(f"bench {verb}" for verb in ("national", "latency", "receipts", "voice", "peers")),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(terminal: Terminal, command: str) -> None:
    """`--help` says what it does and what each parameter means."""
    code, out, _ = terminal.run(*command.split(), "--help")
    assert code == 0
    usage, _, what, *_rest = out.split("\n")
    assert usage.startswith(f"Usage: klaroen {command}")
    assert what
    for line in out.splitlines():  # each parameter has words beside its name and its kind
        if line.startswith("│") and "--" in line and "default" not in line:
            assert len(line.strip("│ *").split()) > 2, line


@pytest.mark.parametrize(
    "line",
    ["serv", "alert", "token create", "token create --name x --role pope", "serve --port 80", "alert show",
     "register import a b", "demo --members many", "demo --members 0", "register import a b c --allow-removal -1",
     "config check extra", "--config"],
)  # fmt: skip
def test_wrong_usage_exits_2_and_says_where_to_look(terminal: Terminal, line: str) -> None:
    """Never a traceback. A group without its verb shows its help."""
    code, out, err = terminal.run(*line.split())
    assert code == (0 if line == "alert" else 2)
    assert "klaroen alert COMMAND" in out if line == "alert" else err.startswith("klaroen: ")
    assert "Traceback" not in err


def test_wrong_usage_is_one_object_too(terminal: Terminal) -> None:
    """With --json stdout holds one object, whatever happens."""
    code, answer = terminal.json("token", "creat")
    assert code == 2
    assert "creat" in answer["error"]


@pytest.mark.parametrize("order", ["--config {} config check", "config --config {} check", "config check --config={}"])
def test_the_configuration_stands_before_or_after_the_subcommand(
    terminal: Terminal, tmp_path: Path, order: str
) -> None:
    """--config FILE, else KLAROEN_CONFIG, else embedded defaults."""
    path = tmp_path / "k.toml"
    path.write_text('data_dir = "elsewhere"\n')
    code, answer = terminal.json(*order.format(path).split())
    assert code == 0
    assert (answer["data_dir"], answer["config"]) == ("elsewhere", str(path))


def test_the_configuration_comes_from_the_environment_else_from_the_defaults(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Embedded defaults live in ./klaroen-data."""
    assert terminal.json("config", "check") == (
        0,
        {"ok": True, "config": None, "data_dir": "./klaroen-data", "carriers": []},
    )
    assert "embedded defaults" in terminal.run("config", "check")[1]
    path = tmp_path / "k.toml"
    path.write_text("")
    monkeypatch.setenv("KLAROEN_CONFIG", str(path))
    assert terminal.json("config", "check")[1]["config"] == str(path)


@pytest.mark.parametrize("command", ["config check", "serve", "edge", "dispatch", "token list", "register check"])
def test_a_wrong_configuration_exits_78_with_every_fault(terminal: Terminal, tmp_path: Path, command: str) -> None:
    """Every fault at once, with key and reason."""
    path = tmp_path / "k.toml"
    path.write_text('data_dri = "x"\n[dispatch]\ndrain_s = -1\n')
    code, answer = terminal.json(*command.split(), "--config", str(path))
    assert code == 78
    assert sorted(fault["key"] for fault in answer["faults"]) == ["data_dri", "dispatch.drain_s"]
    _, _, err = terminal.run(*command.split(), "--config", str(path))
    assert "data_dri: " in err
    assert "dispatch.drain_s: " in err


def test_the_version_is_that_of_the_distribution(terminal: Terminal) -> None:
    """And needs no configuration."""
    code, out, _ = terminal.run("--version")
    assert code == 0
    assert out.strip().count(".") == 2


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt, 130), (BrokenPipeError, 1)])
def test_a_reader_who_leaves_ends_it_quietly(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException], code: int
) -> None:
    """Ctrl-C, or a pipe into `head`."""

    def leave(*_: object) -> None:
        raise raised

    monkeypatch.setattr(asking, "_told", leave)
    monkeypatch.setattr(sys.stdout, "fileno", lambda: 99, raising=False)
    monkeypatch.setattr("klaroen.cli.app.os.dup2", lambda *_: None)
    assert terminal.run("token", "list") == (code, "", "")


# --- tokens and register --------------------------------------------------------------------------------------------


class Asked:
    """Stands for dispatch: keeps the questions, and gives one answer."""

    def __init__(self, answer: object = None) -> None:
        self.questions: list[Any] = []
        self.answer = answer

    def __call__(self, _context: object, question: object, _type: object) -> object:
        self.questions.append(question)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    asked = Asked()
    monkeypatch.setattr(asking, "ask", asked)
    return asked


def test_a_token_is_printed_once_and_only_its_hash_goes_on(terminal: Terminal, asked: Asked) -> None:
    """`{name, token}`."""
    line = "token create --name gent --role police --zone Z1 --zone Z2 --network B1 --municipality Gent --province OVL"
    code, answer = terminal.json(*line.split(), "--expires", "2999-06-30")
    assert code == 0
    (question,) = asked.questions
    assert isinstance(question, CreateToken)
    token = question.token
    assert answer == {"name": "gent", "token": answer["token"]}
    assert token.hash == hashlib.sha256(answer["token"].encode()).digest()
    assert len(answer["token"]) == 43
    assert (token.role, token.zones, token.networks) == ("police", ("Z1", "Z2"), ("B1",))
    assert (token.municipalities, token.provinces, token.carrier) == (("Gent",), ("OVL",), None)
    assert token.expires_at == datetime.fromisoformat("2999-07-01T00:00:00+02:00").timestamp() * 1000
    assert token.created_at > 1_700_000_000_000


def test_a_token_without_scope_grants_nothing_and_its_maker_is_told(terminal: Terminal, asked: Asked) -> None:
    """An operator needs none."""
    code, out, err = terminal.run("token", "create", "--name", "CIC Oost-Vlaanderen", "--role", "dispatch_centre")
    assert (code, out.count("\n")) == (0, 1)
    assert err == "This token has no scope: it grants nothing.\n"
    assert terminal.run("token", "create", "--name", "ops", "--role", "operator")[2] == ""
    assert terminal.run("token", "create", "--name", "p", "--role", "carrier", "--carrier", "proximus")[2] == ""
    assert asked.questions[-1].token.carrier == "proximus"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--name", "", "--role", "police"],
        ["--name", " a", "--role", "police"],
        ["--name", "a\nb", "--role", "police"],
        ["--name", "x" * 65, "--role", "police"],
        ["--name", "a", "--role", "carrier"],
        ["--name", "a", "--role", "police", "--carrier", "c"],
        ["--name", "a", "--role", "carrier", "--carrier", "c", "--zone", "*"],
        ["--name", "a", "--role", "police", "--zone", ""],
        ["--name", "a", "--role", "police", "--expires", "2020-01-01"],
        ["--name", "a", "--role", "police", "--expires", "2999-13-01"],
        ["--name", "a", "--role", "police", "--expires", "2999-01-01T00:00:00"],
        ["--name", "a", "--role", "police", "--expires", "soon"],
    ],
)
def test_a_token_that_means_nothing_is_not_made(terminal: Terminal, asked: Asked, arguments: list[str]) -> None:
    """Wrong usage: nothing is asked."""
    assert terminal.run("token", "create", *arguments)[0] == 2
    assert asked.questions == []


def test_an_expiry_may_be_an_instant(terminal: Terminal, asked: Asked) -> None:
    """With its offset, so that it means one thing."""
    terminal.run("token", "create", "--name", "a", "--role", "operator", "--expires", "2999-06-30T12:00:00+02:00")
    assert asked.questions[0].token.expires_at == datetime.fromisoformat("2999-06-30T10:00:00Z").timestamp() * 1000


def test_tokens_are_listed_without_secrets(terminal: Terminal, asked: Asked) -> None:
    """As a table, or as one object."""
    asked.answer = (TokenView("gent", "police", ("Z1", "Z2"), (), (), (), None, "2026-11-21T08:00:00.000Z", None),)
    code, answer = terminal.json("token", "list")
    assert code == 0
    assert answer["tokens"][0]["zones"] == ["Z1", "Z2"]
    out = terminal.run("token", "list")[1]
    assert "gent" in out
    assert "Z1, Z2" in out
    assert asked.questions == [ListTokens(), ListTokens()]


def test_a_token_is_revoked_by_name(terminal: Terminal, asked: Asked) -> None:
    """And a problem becomes exit 1 with its words."""
    assert terminal.run("token", "revoke", "gent") == (0, "gent is revoked.\n", "")
    assert asked.questions == [RevokeToken("gent")]
    asked.answer = CommandFault("There is no token gent.", details={"problem": "not-found"})
    assert terminal.run("token", "revoke", "gent") == (1, "", "klaroen: There is no token gent.\n")
    assert terminal.json("token", "revoke", "gent") == (
        1,
        {"error": "There is no token gent.", "problem": "not-found"},
    )


def test_a_register_is_imported_by_absolute_paths(terminal: Terminal, asked: Asked, tmp_path: Path) -> None:
    """Dispatch reads the files, wherever it runs."""
    asked.answer = ImportedView(1, 2, 3, 4)
    line = "register import z.jsonl n.jsonl m.csv --network B1 --network B2 --allow-removal 5"
    code, answer = terminal.json(*line.split())
    assert (code, answer) == (0, {"zones": 1, "networks": 2, "members": 3, "memberships": 4})
    files = [str(tmp_path / name) for name in ("z.jsonl", "n.jsonl", "m.csv")]
    assert asked.questions == [ImportRegister(*files, only=("B1", "B2"), allow_removal=5)]
    assert terminal.run(*line.split())[1] == "1 zones, 2 networks, 3 members, 4 memberships.\n"


def test_a_register_is_checked_and_exported(terminal: Terminal, asked: Asked, tmp_path: Path) -> None:
    """Findings are no failure: they are what was asked for."""
    asked.answer = ("B1: member M1 cannot be reached at night.",)
    assert terminal.json("register", "check") == (0, {"findings": ["B1: member M1 cannot be reached at night."]})
    assert terminal.run("register", "check")[1].endswith("1 findings.\n")
    asked.answer = None
    code, answer = terminal.json("register", "export", "out")
    assert (code, answer["directory"]) == (0, str(tmp_path / "out"))
    assert asked.questions[-1] == ExportRegister(str(tmp_path / "out"))
    assert asked.questions[0] == CheckRegister()


def test_a_trail_that_does_not_hold_exits_1(terminal: Terminal, asked: Asked) -> None:
    """Its faults are told, and up to which head it holds."""
    asked.answer = AuditView(3, "3:ab", 2, ())
    assert (0, "3 entries of 2 alerts hold. Head: 3:ab\n", "") == terminal.run("audit", "verify", "--head", "1:cd")
    assert asked.questions == [VerifyAudit("1:cd")]
    asked.answer = AuditView(1, "1:cd", 2, ("entry 2 is missing",))
    assert (1, "entry 2 is missing\nThe trail does not hold. Head: 1:cd\n", "") == terminal.run("audit", "verify")
    told = {"entries": 1, "alerts": 2, "head": "1:cd", "faults": ["entry 2 is missing"], "begins_after": 0}
    told |= {"checkpoints": 0, "sealed_to": 0, "sealed_at": None}
    assert (1, told) == terminal.json("audit", "verify")


def test_R22_a_trail_is_held_against_the_keys_that_are_given(terminal: Terminal, asked: Asked, tmp_path: Path) -> None:
    """Else against the data directory's own; a key that has signed nothing is a fault."""
    assert 1 == terminal.run("audit", "key")[0], "no dispatch has run yet"
    seal = load_seal(tmp_path / "klaroen-data", None)
    assert (0, seal.public.pem, "") == terminal.run("audit", "key")
    asked.answer = AuditView(6, "6:ab", 2, (), 1, 5, "2026-11-26T18:00:00.000Z")
    code, out, _ = terminal.run("audit", "verify")
    assert (0, "Signed up to entry 5, at 2026-11-26T18:00:00.000Z.") == (code, out.splitlines()[-1])
    (tmp_path / "noted.pem").write_text("PEM")
    (tmp_path / "noted.pem").chmod(0o600)
    asked.answer = AuditView(6, "6:ab", 2, ())
    code, out, _ = terminal.run("audit", "verify", "--key", "noted.pem")
    assert (1, "no checkpoint is signed by the key that was given") == (code, out.splitlines()[0])
    assert [VerifyAudit(None, (seal.public.pem,)), VerifyAudit(None, ("PEM",))] == asked.questions
    assert 1 == terminal.run("audit", "verify", "--key", "none.pem")[0]
    (tmp_path / "klaroen-data" / "keys" / "audit.pub").write_text("x")
    assert "no public key" in terminal.run("audit", "key")[2]
    (tmp_path / "klaroen.toml").write_text('data_dir = "d"\n[audit]\nkey_file = "noted.pem"\n')
    code, _, err = terminal.run("audit", "key", "--config", "klaroen.toml")
    assert (1, True) == (code, "noted.pem" in err)
    path = tmp_path / "klaroen-data" / "keys" / "audit.key"
    (tmp_path / "klaroen.toml").write_text(f'data_dir = "d"\n[audit]\nkey_file = "{path}"\n')
    assert (0, seal.public.pem, "") == terminal.run("audit", "key", "--config", "klaroen.toml")


def test_a_trail_is_exported_to_its_end(terminal: Terminal, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page; a line an entry, or one object."""
    pages = {0: (AuditRow(1, "{}", "ab"), AuditRow(2, "{}", "cd")), 2: (AuditRow(3, "{}", "ef"),), 3: ()}
    monkeypatch.setattr(asking, "ask", lambda context, question, answer: AuditPage(pages[question.after]))
    code, out, _ = terminal.run("audit", "export")
    assert (0, [1, 2, 3]) == (code, [json.loads(line)["number"] for line in out.splitlines()])
    code, told = terminal.json("audit", "export", "--after", "2")
    assert (0, {"entries": [{"number": 3, "digest": "ef", "entry": "{}"}]}) == (code, told)


# --- evaluation -----------------------------------------------------------------------------------------------------

PERIOD = ("evaluate", "--from", "2026-01-01", "--to", "2026-12-31")


def test_R20_an_evaluation_is_a_table_a_sheet_or_one_object(terminal: Terminal, asked: Asked) -> None:
    """The same figures: to read, for a spreadsheet, for a system; what people fill in has its empty columns."""
    asked.answer = EvaluationPage((EVALUATION, replace(EVALUATION, level="country", id="", members_at_end=None)))
    code, out, _ = terminal.run(*PERIOD)
    assert 0 == code
    assert ["network", "BIN-0001", "90", "→", "95", "0", "0", "0", "0", "0", "0", "0.00"] == [
        word for line in out.splitlines() if "BIN-0001" in line for word in line.split() if word != "?"
    ]
    assert "Belgium" in out
    code, out, _ = terminal.run(*PERIOD, "--network", "BIN-0001", "--network", "B2", "--as", "csv")
    first, second = list(csv.DictReader(out.splitlines()))
    assert ("BIN-0001", "95", "0", "") == (
        first["id"], first["members_at_end"], first["warm_alerts"], first["feeling_of_safety"],
    )  # fmt: skip
    assert "" == second["members_at_end"]
    assert [Evaluate("2026-01-01", "2026-12-31"), Evaluate("2026-01-01", "2026-12-31", ("BIN-0001", "B2"))] == (
        asked.questions
    )
    code, told = terminal.json(*PERIOD)
    assert (0, 2, None) == (code, len(told["items"]), told["items"][0]["relation_with_police"])
    assert 2 == terminal.run(*PERIOD, "--as", "csv", "--json")[0]


# --- alerts ---------------------------------------------------------------------------------------------------------


class FakeApi:
    """Stands for the HTTP API: keeps the calls, and gives the scripted answers."""

    answers: list[dict[str, Any] | CommandFault]
    calls: list[tuple[str, str, bytes | None, Mapping[str, str] | None]]

    def __init__(self, _environ: Mapping[str, str]) -> None:
        """The environment is tested with the real one."""

    def call(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        self.calls.append((method, path, body, headers))
        answer = self.answers.pop(0)
        if isinstance(answer, CommandFault):
            raise answer
        return answer

    def events(self, _path: str, _last: str | None) -> list[tuple[str, dict[str, Any]]]:
        return [("1", STATUS | {"state": "sending"})]


STATUS: dict[str, Any] = {
    "id": "a1", "class": "warm", "mode": "live", "state": "done", "as_of": "T1", "accepted_at": "T0", "members": 5,
    "pending": 0, "handed_over": 1, "reached": 4, "failed": 0, "expired": 0, "cancelled": 0, "unreachable": 0,
    "channels": {"sms": {"handed_over": 5, "reached": 4, "failed": 0}},
}  # fmt: skip
ACCEPTED: dict[str, Any] = {
    "id": "a1", "state": "accepted", "mode": "live", "members": 5, "networks": 1, "warnings": ["Mind."],
    "refused": [{"network": "B9", "rule": None, "reason": "Unknown."}],
}  # fmt: skip


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> type[FakeApi]:
    FakeApi.answers, FakeApi.calls = [], []
    monkeypatch.setattr(remote, "Remote", FakeApi)
    return FakeApi


def test_an_alert_is_sent_as_it_stands_in_the_file(terminal: Terminal, api: type[FakeApi], tmp_path: Path) -> None:
    """Byte by byte, with a new idempotency key each time, or the one given."""
    (tmp_path / "alert.json").write_bytes(b' {"class": "warm"}\r\n')
    api.answers = [ACCEPTED, ACCEPTED, ACCEPTED]
    assert terminal.json("alert", "send", "alert.json") == (0, ACCEPTED)
    terminal.run("alert", "send", "alert.json", "--key", "mine")
    code, out, _ = terminal.run("alert", "send", "alert.json")
    assert (code, out) == (
        0,
        "a1 accepted: 5 members of 1 networks\n  refused B9 (-): Unknown.\n  Mind.\n",
    )
    method, path, body, headers = api.calls[0]
    assert (method, path, body) == ("POST", "/v1/alerts", b' {"class": "warm"}\r\n')
    assert headers is not None
    assert headers["Content-Type"] == "application/json"
    keys = [call[3]["Idempotency-Key"] for call in api.calls if call[3]]
    assert keys[1] == "mine"
    assert len(set(keys)) == 3


def test_an_exercise_and_a_drill_are_marked(terminal: Terminal, api: type[FakeApi], tmp_path: Path) -> None:
    (tmp_path / "alert.json").write_bytes(b"{}")
    api.answers = [ACCEPTED | {"mode": "exercise"}, STATUS | {"mode": "drill"}]
    assert "a1 accepted (exercise): 5 members" in terminal.run("alert", "send", "alert.json")[1]
    assert "T1 done (drill): 1 handed_over" in terminal.run("alert", "show", "a1")[1]


def test_a_forecast_is_told_in_words_and_says_what_is_not_known(
    terminal: Terminal, api: type[FakeApi], tmp_path: Path
) -> None:
    (tmp_path / "alert.json").write_bytes(b"{}")
    api.answers = [to_builtins(FORECAST), to_builtins(FORECAST)]
    code, out, _ = terminal.run("alert", "forecast", "alert.json")
    assert 0 == code
    assert [
        "95 members of 1 networks, 1 unreachable, € 5.17",
        "  sms: 94 members, 94 segments, € 5.17",
        "  handed over: half within 0.1 s, 99 of 100 within 0.2 s",
        "  reached: not known",
        "  refused BIN-0002 (R8): outside the token's scope",
        f"  {FORECAST.warnings[0]}",
    ] == out.splitlines()
    assert ("POST", "/v1/forecasts", b"{}") == api.calls[0][:3]
    code, told = terminal.json("alert", "forecast", "alert.json")
    assert (0, 94) == (code, told["channels"]["sms"]["segments"])


def test_R18_alerts_are_listed_and_those_without_feedback_by_themselves(terminal: Terminal, api: type[FakeApi]) -> None:
    row = STATUS | {"reference": None}
    api.answers = [{"items": [row, row | {"mode": "exercise"}], "next": "7"}, {"items": [], "next": None}]
    code, out, err = terminal.run("alert", "list", "--class", "warm")
    assert (0, "There are more: --before 7\n") == (code, err)
    assert [["a1", "warm", "live", "done", "T0", "5", "4"], ["a1", "warm", "exercise", "done", "T0", "5", "4"]] == [
        line.split() for line in out.splitlines() if "a1" in line
    ]
    told = terminal.json("alert", "list", "--missing-feedback", "--before", "7")
    assert (0, {"items": [], "next": None}) == told
    assert ["/v1/alerts?class=warm", "/v1/alerts?before=7&feedback=missing"] == [path for _, path, _, _ in api.calls]


def test_an_alert_may_come_from_stdin_and_be_cap(
    terminal: Terminal, api: type[FakeApi], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FILE or -; XML is CAP."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"<alert/>")))
    api.answers = [ACCEPTED]
    assert terminal.run("alert", "send", "-")[0] == 0
    assert api.calls[0][2] == b"<alert/>"
    assert api.calls[0][3] is not None
    assert api.calls[0][3]["Content-Type"] == "application/cap+xml"


def test_a_cap_message_that_warns_nobody_says_so(terminal: Terminal, api: type[FakeApi], tmp_path: Path) -> None:
    """A Cancel tells what it stopped, an Ack why it is ignored."""
    (tmp_path / "cancel.xml").write_text("<alert/>")
    stopped = {"id": "A1", "state": "cancelled", "handed_over": 3, "stopped": 4}
    api.answers = [{"heard": "cancelled", "reason": "Nothing is sent.", "alerts": [stopped]}]
    told = "cancelled: Nothing is sent.\n  A1 cancelled: 3 handed over\n"
    assert (0, told, "") == terminal.run("alert", "send", "cancel.xml")
    api.answers = [{"heard": "ignored", "reason": "It is an Ack.", "alerts": []}]
    assert (0, {"heard": "ignored", "reason": "It is an Ack.", "alerts": []}) == terminal.json(
        "alert", "send", "cancel.xml"
    )


def test_a_try_that_was_given_up_can_be_taken_up_again(terminal: Terminal, api: type[FakeApi], tmp_path: Path) -> None:
    """It may have been accepted: the key is told, so that it is not sent twice."""
    (tmp_path / "alert.json").write_text("{}")
    api.answers = [CommandFault("Given up.", details={"given_up": True})]
    code, answer = terminal.json("alert", "send", "alert.json", "--key", "mine")
    assert (code, answer["idempotency_key"]) == (1, "mine")
    assert "--key mine" in answer["error"]
    api.answers = [CommandFault("422 No.", details={"status": 422})]
    assert terminal.json("alert", "send", "alert.json") == (1, {"error": "422 No.", "status": 422})


def test_a_file_that_cannot_be_sent_is_told(terminal: Terminal, api: type[FakeApi], tmp_path: Path) -> None:
    """Missing, a directory, too long, or a slip of the pen."""
    (tmp_path / "long.json").write_bytes(b" " * (5 * 1024 * 1024 + 1))
    assert "cannot be read" in terminal.run("alert", "send", "missing.json")[2]
    assert "cannot be read" in terminal.run("alert", "send", ".")[2]
    assert "longer than" in terminal.run("alert", "send", "long.json")[2]
    assert terminal.run("alert", "send", "--kee")[0] == 2
    assert api.calls == []


def test_an_alert_is_shown_and_followed(terminal: Terminal, api: type[FakeApi]) -> None:
    """Followed with --json, only its end is printed."""
    api.answers = [STATUS]
    assert terminal.run("alert", "show", "a/1")[1].splitlines() == [
        "a1 warm live, accepted T0",
        "T1 done: 1 handed_over, 4 reached of 5",
        "  sms: 5 handed over, 4 reached, 0 failed",
    ]
    assert api.calls[0][1] == "/v1/alerts/a%2F1"
    sending = STATUS | {"state": "sending"}
    api.answers = [sending, STATUS]
    assert terminal.json("alert", "show", "a1", "--follow") == (0, STATUS)
    api.answers = [sending, STATUS]
    lines = terminal.run("alert", "show", "a1", "--follow")[1].splitlines()
    assert lines[0] == "T1 sending: 1 handed_over, 4 reached of 5"
    assert lines[1] == "a1 warm live, accepted T0"


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "consent", "approve", "refuse"])
def test_an_alert_is_paused_resumed_and_cancelled(terminal: Terminal, api: type[FakeApi], verb: str) -> None:
    """`{state, handed_over, stopped}`."""
    answer = {"state": "paused", "handed_over": 3, "stopped": 2}
    api.answers = [answer, answer]
    assert terminal.json("alert", verb, "a1") == (0, answer)
    assert terminal.run("alert", verb, "a1")[1] == "a1 paused: 3 handed over, 2 stopped\n"
    assert api.calls[0][:2] == ("POST", f"/v1/alerts/a1/{verb}")


def test_why_tells_what_one_member_got(terminal: Terminal, api: type[FakeApi]) -> None:
    """Attempts, and the rules with their articles."""
    attempt = {"submitted_at": "T1", "channel": "sms", "carrier": "proximus", "words": "On it.", "code": "000"}
    told = {
        "member": "M1",
        "state": "reached",
        "attempts": [attempt],
        "why": [{"rule": "R14", "article": "art. 9 b", "words": "By the plan."}],
    }
    api.answers = [told, told]
    assert terminal.json("alert", "why", "a1", "M1") == (0, told)
    assert terminal.run("alert", "why", "a1", "M1")[1].splitlines() == [
        "M1: reached",
        "  T1 sms proximus: On it. (000)",
        "  R14 (art. 9 b) By the plan.",
    ]
    assert api.calls[0][1] == "/v1/alerts/a1/deliveries/M1"


# --- demo and bench -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("demo", DemoOptions(100_000, 1_059, 1, storm=False, keep=False, json=False)),
        ("demo --members 500 --networks 5 --seed 7 --storm --keep --json",
         DemoOptions(500, 5, 7, storm=True, keep=True, json=True)),
        ("bench national --runs 1", BenchOptions(100_000, 1_059, 1, 1, False, False, 500, 1_000)),
        ("bench latency --alerts 600 --keep", BenchOptions(100_000, 1_059, 1, 1, False, True, 600, 1_000)),
        ("bench voice --concurrent 50 --seconds 2.5", VoiceOptions(50, 2.5, 3, False, False)),
        ("bench receipts --shuffles 10", BenchOptions(100_000, 1_059, 1, 3, False, False, 500, 10)),
    ],
)  # fmt: skip
def test_the_laboratory_gets_its_options_and_gives_its_exit_code(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, line: str, expected: DemoOptions | BenchOptions
) -> None:
    """Exit 1 if anything was lost, doubled or altered."""
    given: list[object] = []
    name = line.split()[1] if line.startswith("bench") else "demo"
    module = ModuleType(f"klaroen_bench.{name}")
    monkeypatch.setattr(module, f"run_{name}", lambda options: given.append(options) or 1, raising=False)
    monkeypatch.setattr(laboratory, "find_spec", lambda _: object())
    monkeypatch.setattr(laboratory, "import_module", lambda _: module)
    assert terminal.run(*line.split())[0] == 1
    assert given == [expected]


def test_an_installation_without_a_laboratory_says_so(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that only serves may leave it out."""
    monkeypatch.setattr(laboratory, "find_spec", lambda _: None)
    assert terminal.run("demo")[0] == 1


def test_versions_of_the_register_are_listed_restored_and_sealed_anew(terminal: Terminal, asked: Asked) -> None:
    asked.answer = (VersionView(1, "2026-11-26T17:00:00.000Z", "command line", "import"),)
    listed = terminal.json("register", "versions")[1]["versions"]
    assert (1, "import") == (listed[0]["version"], listed[0]["what"])
    assert "command line" in terminal.run("register", "versions")[1]
    asked.answer = ImportedView(1, 2, 3, 4)
    restored = terminal.run("register", "restore", "1", "--allow-removal", "9")
    assert (0, "1 zones, 2 networks, 3 members, 4 memberships.\n", "") == restored
    asked.answer = KeyView(2, 1_000)
    assert (0, "Key 2 seals the register: 1000 rows sealed anew.\n", "") == terminal.run("register", "rotate-key")
    asked.answer = ChangePage((ChangeView(2, None, "BIN-0001", "plan", None),))
    assert "plan" == terminal.json("register", "changes")[1]["changes"][0]["what"]
    terminal.run("register", "changes", "--reported", "2")
    assert [RestoreVersion(1, 9), RotateKey(), ListChanges(), ListChanges(2)] == asked.questions[2:]


def test_a_person_s_data_are_exported_and_erased(terminal: Terminal, asked: Asked) -> None:
    """An erasure says so where the store's log still holds something."""
    asked.answer = PersonView("M1", 0, (), (), ())
    code, person = terminal.json("member", "export", "M1")
    assert (0, "M1", []) == (code, person["member"], person["alerts"])
    assert json.loads(terminal.run("member", "export", "M1")[1]) == person
    asked.answer = ErasedView("M1", 2, 0, 1, log_emptied=True)
    assert "M1 is erased: 2 versions of the person" in terminal.run("member", "erase", "M1")[1]
    asked.answer = ErasedView("M1", 2, 0, 1, log_emptied=False)
    assert "Erase again later" in terminal.run("member", "erase", "M1")[1]
    assert [ExportMember("M1"), EraseMember("M1")] == asked.questions[1:3]
