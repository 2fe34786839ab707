"""The audit finds what was lost, doubled or altered, by the contract's definitions to the letter."""

import ast
import csv
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from tests.unit.bench.trunk_kit import put_clip, record, speech, write_trunk

import klaroen_bench.audit
from klaroen_bench.audience import AuditError, Register, read_register
from klaroen_bench.audit import Report, audit, main
from klaroen_bench.carriers.ledger import HANDSET, Entry, Heading, LedgerReader, write_ledger
from klaroen_bench.copies import ANY_CALL, Copy, read_copies

TEXT = "Inbraak bezig in de Kerkstraat."
TEXT_FR = "Cambriolage en cours rue de l'Eglise."
ACCEPTED_AT = "2026-11-21T12:00:00.000Z"
AT_MS = 1_795_262_400_000
ALERT = {"class": "warm", "targets": {"zones": ["Z1"]}, "content": {"nl": {"text": TEXT}, "fr": {"text": TEXT_FR}}}
STATUS = {"state": "done", "accepted_at": ACCEPTED_AT, "expires_at": "2026-11-21T13:00:00.000Z"}
COLUMNS = (
    *("member_id", "network_id", "name", "language", "mobile", "landline", "email", "whatsapp"),
    *("preference", "status", "adult", "house_rules"),
)
ALL_DAY = [{"from": "00:00", "to": "24:00", "channels": ["sms", "tts"]}]


def network(name: str, zone: str = "Z1", languages: Iterable[str] = ("nl",), **changes: object) -> dict[str, object]:
    plan = {"version": 1, "valid_from": "2020-01-01", "urgent": ALL_DAY, "non_urgent": ALL_DAY}
    row = {"id": name, "zone": zone, "languages": list(languages), "kind": "residents", "municipality": "Aalst"}
    return row | {"province": "Oost-Vlaanderen", "plans": [plan]} | changes


def member(number: int, network_id: str = "B1", **changes: str) -> dict[str, str]:
    row = dict.fromkeys(COLUMNS, "") | {"adult": "true", "house_rules": "false", "status": "active"}
    row |= {"member_id": f"M{number}", "network_id": network_id, "mobile": f"0470 00 00 0{number}"}
    return row | changes


MEMBERS = [member(1), member(2), member(3, "B2"), member(4, landline="09 222 33 44")]
NETWORKS = [network("B1"), network("B2", languages=["fr"]), network("B9", "Z9")]


def register_of(folder: Path, members: list[dict[str, str]], networks: list[dict[str, object]]) -> Register:
    with (folder / "members.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(members)
    (folder / "networks.jsonl").write_text("".join(json.dumps(row) + "\n" for row in networks))
    (folder / "zones.jsonl").write_text('{"id": "Z1", "social_media_supported": true}\n')
    return read_register(folder / "members.csv", folder / "networks.jsonl", folder / "zones.jsonl")


def attempt(name: str, channel: str = "sms", state: str = "reached", **changes: object) -> dict[str, object]:
    row = {"id": name, "channel": channel, "state": state, "possible_duplicate": False, "repeats": 0}
    return row | {"submitted_at": "2026-11-21T12:00:00.100Z", "receipt_at": None} | changes


def delivery(number: int, state: str = "reached", attempts: list[dict[str, object]] | None = None) -> dict[str, object]:
    return {
        "member": f"M{number}",
        "state": state,
        "attempts": [attempt(f"A{number}")] if attempts is None else attempts,
    }


def copy(number: int, text: str | None = TEXT, channel: str = "sms", at_ms: int = AT_MS + 500) -> Copy:
    return Copy(at_ms, "proximus", channel, f"3247000000{number}", text)


DELIVERIES = [delivery(n) for n in (1, 2, 3, 4)]
COPIES = [copy(1), copy(2), copy(3, TEXT_FR), copy(4)]


@pytest.fixture
def register(tmp_path: Path) -> Register:
    return register_of(tmp_path, MEMBERS, NETWORKS)


def faults(report: Report) -> dict[str, int]:
    names = ("lost", "duplicates", "altered", "escalated_after_arrival", "escalated_after_proof", "strays")
    return {name: getattr(report, name) for name in names if getattr(report, name)}


def test_the_auditor_imports_nothing_of_the_engine() -> None:
    """Else a fault of the engine's tables would be the auditor's too."""
    bench = Path(klaroen_bench.audit.__file__).parent
    names = ("audit", "audience", "copies", "doubles", "faults", "g711", "hearing", "spoken", "telephones")
    for path in [*(bench / f"{name}.py" for name in names), *(bench / "carriers").glob("*.py")]:
        tree = ast.parse(path.read_text())
        imports = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        imports |= {name.name for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
        assert not [name for name in imports if name and name.split(".")[0] in ("klaroen", "klaroen_adapters")]


def test_a_faultless_alert_is_found_sound(register: Register) -> None:
    report = audit(register, ALERT, STATUS, DELIVERIES, COPIES)
    assert (faults(report), report.sound, report.members, report.reachable) == ({}, True, 4, 4)


# --- lost ---


def test_reached_without_a_copy_is_lost(register: Register) -> None:
    report = audit(register, ALERT, STATUS, DELIVERIES, COPIES[1:])
    assert (faults(report), report.offenders, report.sound) == ({"lost": 1}, {"lost": ("M1",)}, False)


def test_reached_by_one_channel_with_a_copy_on_another_is_lost(register: Register) -> None:
    """Proof of arrival is of what arrived."""
    copies = [copy(1, channel="tts"), *COPIES[1:]]
    assert faults(audit(register, ALERT, STATUS, DELIVERIES, copies)) == {"lost": 1}


def test_a_member_of_whom_klaroen_says_nothing_is_lost(register: Register) -> None:
    report = audit(register, ALERT, STATUS, DELIVERIES[:3], COPIES[:3])
    assert report.offenders == {"lost": ("M4",)}


@pytest.mark.parametrize("state", ["pending", "unreachable"])
def test_no_end_state_is_lost(register: Register, state: str) -> None:
    deliveries = [*DELIVERIES[:3], delivery(4, state, [])]
    assert faults(audit(register, ALERT, STATUS, deliveries, COPIES[:3])) == {"lost": 1}


@pytest.mark.parametrize("state", ["failed", "expired", "cancelled", "handed_over"])
def test_an_end_state_without_a_copy_is_not(register: Register, state: str) -> None:
    deliveries = [*DELIVERIES[:3], delivery(4, state)]
    assert faults(audit(register, ALERT, STATUS, deliveries, COPIES[:3])) == {}


def test_handed_over_is_an_end_only_when_the_alert_has_ended(register: Register) -> None:
    deliveries = [*DELIVERIES[:3], delivery(4, "handed_over")]
    report = audit(register, ALERT, STATUS | {"state": "sending"}, deliveries, COPIES)
    assert faults(report) == {"lost": 1}


def test_five_of_the_lost_are_named_by_member(tmp_path: Path) -> None:
    register = register_of(tmp_path, [member(n) for n in range(9)], NETWORKS)
    report = audit(register, ALERT, STATUS, [], [])
    assert (report.lost, report.offenders["lost"]) == (9, ("M0", "M1", "M2", "M3", "M4"))


# --- doubled ---


def test_two_copies_by_one_channel_are_a_duplicate(register: Register) -> None:
    """Though Klaroen reports two attempts."""
    deliveries = [delivery(1, attempts=[attempt("A1"), attempt("B1")]), *DELIVERIES[1:]]
    report = audit(register, ALERT, STATUS, deliveries, [copy(1, at_ms=AT_MS + 900), *COPIES])
    assert (faults(report), report.offenders) == ({"duplicates": 1}, {"duplicates": ("M1",)})


def test_more_copies_than_attempts_are_duplicates(register: Register) -> None:
    report = audit(register, ALERT, STATUS, DELIVERIES, [*COPIES, copy(1, channel="tts", at_ms=AT_MS + 900)])
    assert (report.duplicates, report.escalated_after_arrival) == (1, 1)


def test_each_time_that_a_repeat_was_announced_excuses_one_copy_beyond(register: Register) -> None:
    """Who was handed over again after each of two crashes was marked twice, and may have three."""
    marked = [delivery(1, attempts=[attempt("A1", possible_duplicate=True, repeats=1)]), *DELIVERIES[1:]]
    again = [delivery(1, attempts=[attempt("A1", possible_duplicate=True, repeats=2)]), *DELIVERIES[1:]]
    once = audit(register, ALERT, STATUS, marked, [copy(1), *COPIES])
    twice = audit(register, ALERT, STATUS, marked, [copy(1), copy(1), *COPIES])
    excused = audit(register, ALERT, STATUS, again, [copy(1), copy(1), *COPIES])
    assert (faults(once), once.possible_duplicates, once.doubled_as_announced) == ({}, 1, 1)
    assert (faults(twice), twice.doubled_as_announced) == ({"duplicates": 1}, 1)
    assert (faults(excused), excused.possible_duplicates, excused.doubled_as_announced) == ({}, 2, 2)


def test_a_number_shared_by_members_is_used_once_and_settles_both(tmp_path: Path) -> None:
    """R5: one copy is both members' copy; a second is one duplicate, not two."""
    register = register_of(tmp_path, [member(1), member(2, mobile="+32470000001")], NETWORKS)
    deliveries = [delivery(1), delivery(2, attempts=[])]
    assert faults(audit(register, ALERT, STATUS, deliveries, [copy(1)])) == {}
    assert faults(audit(register, ALERT, STATUS, deliveries, [copy(1), copy(1)])) == {"duplicates": 1}


def test_a_second_channel_after_a_step_without_proof_is_counted_apart(register: Register) -> None:
    attempts = [attempt("A4", state="handed_over"), attempt("B4", "tts", submitted_at="2026-11-21T12:01:00.000Z")]
    copies = [*COPIES, Copy(AT_MS + 70_000, "sim", "tts", "3292223344", TEXT)]
    report = audit(register, ALERT, STATUS, [*DELIVERIES[:3], delivery(4, attempts=attempts)], copies)
    assert (faults(report), report.sound) == ({"escalated_after_arrival": 1}, True)


def test_a_second_channel_after_proof_is_not_sound(register: Register) -> None:
    attempts = [
        attempt("A4", receipt_at="2026-11-21T12:00:01.000Z"),
        attempt("B4", "tts", submitted_at="2026-11-21T12:01:00.000Z"),
    ]
    copies = [*COPIES, Copy(AT_MS + 70_000, "sim", "tts", "3292223344", TEXT)]
    report = audit(register, ALERT, STATUS, [*DELIVERIES[:3], delivery(4, attempts=attempts)], copies)
    assert (faults(report), report.sound) == ({"escalated_after_arrival": 1, "escalated_after_proof": 1}, False)


def test_one_member_with_two_deliveries_cannot_be_judged(register: Register) -> None:
    with pytest.raises(AuditError, match="M1"):
        audit(register, ALERT, STATUS, [*DELIVERIES, delivery(1)], COPIES)


# --- altered ---


@pytest.mark.parametrize("text", [TEXT + " ", TEXT.replace("I", "i"), TEXT[:-1], TEXT_FR, None])
def test_any_other_text_is_altered(register: Register, text: str | None) -> None:
    """A letter, a blank, the end, another network's language, or nothing that a phone can show."""
    report = audit(register, ALERT, STATUS, DELIVERIES, [copy(1, text), *COPIES[1:]])
    assert (faults(report), report.offenders) == ({"altered": 1}, {"altered": ("M1",)})


@pytest.mark.parametrize(
    ("languages", "choice", "content", "text", "altered"),
    [
        (["de"], "network", {"nl": TEXT, "fr": TEXT_FR}, TEXT, 0),
        (["de"], "network", {"nl": TEXT, "fr": TEXT_FR}, TEXT_FR, 1),
        (["fr", "nl"], "network", {"mul": "mul", "nl": TEXT}, "mul", 0),
        (["nl"], "network", {"mul": "mul", "nl": TEXT}, "mul", 1),
        (["nl"], "member", {"nl": TEXT, "fr": TEXT_FR}, TEXT_FR, 0),
        (["nl"], "network", {"nl": TEXT, "fr": TEXT_FR}, TEXT_FR, 1),
    ],
)
def test_the_languages_that_apply_are_the_networks_own(
    tmp_path: Path, languages, choice, content, text, altered
) -> None:
    """R16: the network's; the member's where allowed; several in one for several; else the first that was posted."""
    row = network("B1", languages=languages, language_choice=choice)
    register = register_of(tmp_path, [member(1, language="fr")], [row])
    alert = ALERT | {"content": {language: {"text": words} for language, words in content.items()}}
    assert audit(register, alert, STATUS, [delivery(1)], [copy(1, text)]).altered == altered


def test_copies_of_other_alerts_are_left_out(register: Register) -> None:
    """Earlier ones, and those with another alert's text."""
    others = [copy(1, "Vorig bericht", at_ms=AT_MS - 60_000), copy(2, "Ander bericht")]
    report = audit(register, ALERT, STATUS, DELIVERIES, [*COPIES, *others], other_texts=["Ander bericht"])
    assert (faults(report), report.copies) == ({}, 4)


def test_a_copy_at_a_number_of_nobody_targeted_is_a_stray(register: Register) -> None:
    assert faults(audit(register, ALERT, STATUS, DELIVERIES, [*COPIES, copy(8)])) == {"strays": 1}


# --- calls ---


def call(number: int, name: str, text: str | None = TEXT, *, whole: bool = True, at_ms: int = AT_MS + 500) -> Copy:
    return Copy(at_ms, "belgacom", ANY_CALL, f"3247000000{number}", text, name, whole)


def called(*attempts: dict[str, object], state: str = "reached") -> list[dict[str, object]]:
    """Member 4 was called; the others got their texts."""
    return [*DELIVERIES[:3], delivery(4, state, list(attempts))]


@pytest.mark.parametrize(
    ("deliveries", "calls", "expected"),
    [
        (called(attempt("A4", "tts")), [call(4, "A4")], {}),
        (called(attempt("A4", "tts")), [call(4, "A4", whole=False)], {"lost": 1}),
        (called(attempt("A4", "tts")), [], {"lost": 1}),
        (called(attempt("A4", "voice"), attempt("B4")), [call(4, "X9")], {}),
        (called(attempt("A4", "voice", "failed"), attempt("B4")), [call(4, "A4")], {"lost": 1}),
        (called(attempt("A4", "tts", "failed"), state="failed"), [call(4, "A4", "", whole=False)], {}),
        (called(attempt("A4", "tts", "failed"), state="failed"), [call(4, "A4", TEXT_FR, whole=False)], {"altered": 1}),
        (called(attempt("A4", "tts")), [call(4, "A4", None)], {"altered": 1}),
        (called(attempt("A4", "tts")), [call(4, "A4"), call(4, "A4", whole=False)], {"duplicates": 1}),
        (called(attempt("A4"), attempt("B4", "tts")), [call(4, "B4"), call(4, "X", whole=False)], {"duplicates": 1}),
        (called(attempt("A4", "tts", "failed"), attempt("B4", "tts")), [call(4, "A4", whole=False), call(4, "B4")], {}),
        (called(attempt("A4", "tts"), attempt("B4", "tts")), [call(4, "A4"), call(4, "B4")], {"duplicates": 1}),
        (
            called(attempt("A4", "voice", "failed"), attempt("B4", "tts")),
            [call(4, "A4"), call(4, "B4")],
            {"escalated_after_arrival": 1},
        ),
    ],
    ids=[
        "reached", "half heard", "never answered", "an id of the carrier's own", "proof by another channel",
        "hung up at once", "hung up in another language", "another text", "answered twice",
        "a call that nobody reports", "the second number", "both numbers heard it", "both channels heard it",
    ],
)  # fmt: skip
def test_calls_are_lost_doubled_and_altered(register: Register, deliveries, calls, expected) -> None:
    """Reached is heard to four fifths; an answered call that is no attempt is one too many."""
    report = audit(register, ALERT, STATUS, deliveries, [*COPIES[:3], *calls])
    found = faults(report)
    assert expected == found
    assert 3 + sum(one.whole for one in calls) == report.copies


def forget(calls: list, sounds: list[bytes]) -> None:
    del calls[0]


def call_twice(calls: list, sounds: list[bytes]) -> None:
    calls.append(calls[0])


def change_an_octet(calls: list, sounds: list[bytes]) -> None:
    sounds[0] = sounds[0][:9_000] + bytes([sounds[0][9_000] ^ 1]) + sounds[0][9_001:]


def cut_short(calls: list, sounds: list[bytes]) -> None:
    calls[0] = (calls[0][0], record("A1", 16_000, at_ms=AT_MS))


@pytest.mark.parametrize(
    ("corrupt", "expected"),
    [
        (None, {}),
        (forget, {"lost": 1}),
        (cut_short, {"lost": 1}),
        (call_twice, {"duplicates": 1}),
        (change_an_octet, {"altered": 1}),
    ],
    ids=["faultless", "a call is gone", "heard in part", "a call too many", "another octet"],
)
def test_a_corrupted_ledger_of_calls_is_found_out(tmp_path, monkeypatch, capsysbinary, corrupt, expected) -> None:
    """From raw RTP octets to exit 1, by the name of the clip that the delivery tells."""
    register_of(tmp_path, MEMBERS[:1], NETWORKS)
    clip = speech(3)
    calls, sounds = [("32470000001", record("A1", len(clip), at_ms=AT_MS))], [clip]
    if corrupt is not None:
        corrupt(calls, sounds)
    write_trunk(tmp_path / "trunk.ledger", sounds, calls)
    calls_view = {"clip_sha256": put_clip(tmp_path / "clips", clip)}
    row = delivery(1, attempts=[attempt("A1", "tts", call=calls_view)]) | {"language": "nl"}
    (tmp_path / "alert.json").write_text(json.dumps(ALERT))
    (tmp_path / "status.json").write_text(json.dumps(STATUS))
    (tmp_path / "deliveries.jsonl").write_text(json.dumps(row) + "\n")
    files = [f"--register={tmp_path}", f"--alert={tmp_path / 'alert.json'}", f"--status={tmp_path / 'status.json'}"]
    files += [f"--deliveries={tmp_path / 'deliveries.jsonl'}", f"--clips={tmp_path / 'clips'}"]
    monkeypatch.setattr("sys.argv", ["audit", *files, str(tmp_path / "trunk.ledger")])
    code = main()
    report = json.loads(capsysbinary.readouterr().out)
    assert expected == {name: report[name] for name in ("lost", "duplicates", "altered") if report[name]}
    assert bool(expected) == code


# --- the whole way, from raw ledgers ---


def ledger_of(path: Path, submit, texts: dict[int, str]) -> None:
    entries = (
        Entry((AT_MS + 500) * 1_000_000, HANDSET, f"3247000000{n}".encode(), submit(f"3247000000{n}", text.encode()))
        for n, text in texts.items()
    )
    write_ledger(path, Heading("proximus", "sms", "smpp"), entries)


def drop(entries: list[Entry]) -> list[Entry]:
    return entries[1:]


def double(entries: list[Entry]) -> list[Entry]:
    return [*entries, entries[0]]


def change_a_letter(entries: list[Entry]) -> list[Entry]:
    first = entries[0]
    return [Entry(first.at_ns, first.kind, first.number, first.body.replace(b"Kerk", b"Kirk")), *entries[1:]]


@pytest.mark.parametrize(
    ("corrupt", "fault"), [(drop, "lost"), (double, "duplicates"), (change_a_letter, "altered"), (list, None)]
)
def test_a_corrupted_ledger_is_found_out(tmp_path, submit, monkeypatch, capsysbinary, corrupt, fault) -> None:
    """In each of the three ways: the report counts it, names the member, and the command exits 1."""
    register_of(tmp_path, MEMBERS, NETWORKS)
    ledger = tmp_path / "proximus.ledger"
    ledger_of(ledger, submit, {1: TEXT, 2: TEXT, 3: TEXT_FR, 4: TEXT})
    reader = LedgerReader(ledger)
    write_ledger(ledger, reader.heading, iter(corrupt(list(reader))))
    (tmp_path / "alert.json").write_text(json.dumps(ALERT))
    (tmp_path / "status.json").write_text(json.dumps(STATUS))
    (tmp_path / "deliveries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in DELIVERIES))
    files = [f"--{name}={tmp_path / file}" for name, file in (("register", ""), ("alert", "alert.json"))]
    files += [f"--{name}={tmp_path / name}{end}" for name, end in (("status", ".json"), ("deliveries", ".jsonl"))]
    monkeypatch.setattr("sys.argv", ["audit", *files, str(ledger)])
    code = main()
    report = json.loads(capsysbinary.readouterr().out)
    expected = {"lost": 0, "duplicates": 0, "altered": 0} | ({fault: 1} if fault else {})
    assert {name: report[name] for name in expected} == expected
    assert (report["offenders"], code) == (({fault: ["M1"]}, 1) if fault else ({}, 0))


def test_a_copy_is_read_from_the_ledger_of_calls_too(register: Register, tmp_path: Path) -> None:
    line = {"at": AT_MS / 1000 + 1, "number": "+3292223344", "channel": "tts", "carrier": "sim", "text": TEXT}
    (tmp_path / "calls").write_text(json.dumps(line) + "\n")
    calls, _ = read_copies(tmp_path / "calls")
    deliveries = [*DELIVERIES[:3], delivery(4, attempts=[attempt("A4", "tts")])]
    assert faults(audit(register, ALERT, STATUS, deliveries, [*COPIES[:3], *calls])) == {}
