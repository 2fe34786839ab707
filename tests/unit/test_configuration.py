"""What an operator's file may say, and what is told about one that says something else."""

import re
import tomllib
from pathlib import Path

import pytest
from msgspec import structs

from klaroen.configuration import ConfigurationFaults, load_settings, settings_from
from klaroen.setting_kinds import CarrierSection, Section
from klaroen.setting_mail import Smtp
from klaroen.setting_whatsapp import Whatsapp
from klaroen.settings import Asterisk, Plugged, Settings, Sim, Sip, Smpp, SmsHttp, Twilio

REFERENCE = Path(__file__).parents[2] / "config" / "klaroen.toml"
TRUNK = {"name": "a", "kind": "sip", "channels": ["voice"], "host": "trunk"}
SIM = {"name": "a", "kind": "sim", "channels": ["sms"]}
GATEWAY = {"name": "g", "kind": "sms_http", "channels": ["sms"], "url": "http://127.0.0.1:1/send"}


@pytest.fixture
def secret(tmp_path: Path) -> str:
    path = tmp_path / "secret"
    path.write_text("hush\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def smpp(secret: str) -> dict[str, object]:
    return {
        "name": "s",
        "kind": "smpp",
        "channels": ["sms"],
        "host": "127.0.0.1",
        "system_id": "klaroen",
        "password_file": secret,
    }


def faults(document: dict[str, object]) -> dict[str, str]:
    with pytest.raises(ConfigurationFaults) as caught:
        settings_from(document)
    told = {fault.key: fault.words for fault in caught.value.faults}
    assert len(caught.value.faults) == len(told), "a key is told twice"
    return told


# --- where it comes from ---------------------------------------------------------------------------------------------


def test_embedded_defaults_without_a_file() -> None:
    """Without --config and KLAROEN_CONFIG everything is kept in ./klaroen-data, and there are no carriers."""
    settings = load_settings(None, {})
    assert ("./klaroen-data", ()) == (settings.data_dir, settings.carrier)


def test_config_goes_before_the_environment(tmp_path: Path) -> None:
    """--config, else KLAROEN_CONFIG."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(f'data_dir = "{name}"')
    environ = {"KLAROEN_CONFIG": str(tmp_path / "two")}
    assert load_settings(tmp_path / "one", environ).data_dir == "one"
    assert load_settings(None, environ).data_dir == "two"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"data_dir = ", "is not TOML"),
        (b"x = " + b"[" * 5000, "is not TOML"),
        (b'data_dir = "\xff"', "is not UTF-8 at byte 12"),
        (b"#" * ((1 << 20) + 1), "is longer than 1048576 bytes"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_fault(content: bytes | None, words: str, tmp_path: Path) -> None:
    """The key is then the file itself."""
    path = tmp_path / "klaroen.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationFaults, match=words) as caught:
        load_settings(path, {})
    assert [str(path)] == [fault.key for fault in caught.value.faults]


# --- the reference ---------------------------------------------------------------------------------------------------


def uncommented() -> str:
    return re.sub(r"(?m)^# (?=[a-z_0-9]+ = )", "", REFERENCE.read_text())


def test_every_key_of_the_reference_loads(tmp_path: Path) -> None:
    """Uncommenting every line gives a configuration that is taken, once its files exist."""
    text = uncommented().replace("/etc/klaroen", str(tmp_path))
    for name in re.findall(rf'"{re.escape(str(tmp_path))}/([^"]+)"', text):
        (tmp_path / name).write_text("hush")
        (tmp_path / name).chmod(0o600)
    settings = settings_from(tomllib.loads(text))
    assert [Smpp, SmsHttp, SmsHttp, Twilio, Sip, Asterisk, Smtp, Whatsapp, Sim] == [
        type(carrier) for carrier in settings.carrier
    ]


def test_no_key_is_missing_from_the_reference() -> None:
    """Whatever can be configured is told, with its unit and reason."""
    document = tomllib.loads(uncommented())
    carriers = {table["kind"]: {**table} for table in reversed(document.pop("carrier"))}
    carriers["sms_http"]["user"] = "told for kannel"
    told = {*paths(document), *(f"{kind}.{key}" for kind, table in carriers.items() for key in paths(table))}
    known = {
        *keys(Settings, ""),
        *(f"{kind}.{key}" for kind, section in KINDS.items() for key in (*keys(section, ""), "kind")),
    }
    assert known - {"carrier"} == told


KINDS: dict[str, type[CarrierSection]] = {
    "smpp": Smpp,
    "sms_http": SmsHttp,
    "smtp": Smtp,
    "twilio": Twilio,
    "whatsapp": Whatsapp,
    "sip": Sip,
    "asterisk": Asterisk,
    "sim": Sim,
}
OPEN = {"municipalities", "piper", "subjects", "source", "alphabets", "statuses", "template_languages"}
"""Keys whose value is a table with keys of the operator's own."""


def paths(table: dict[str, object], at: str = "") -> set[str]:
    found = set[str]()
    for key, value in table.items():
        nested = isinstance(value, dict) and key not in OPEN
        found |= paths(value, f"{at}{key}.") if nested else {f"{at}{key}"}  # type: ignore[arg-type]
    return found


def keys(section: type[Section], at: str) -> set[str]:
    found = set[str]()
    for field in structs.fields(section):
        nested = isinstance(field.type, type) and issubclass(field.type, Section)
        found |= keys(field.type, f"{at}{field.name}.") if nested else {f"{at}{field.name}"}
    return found


def test_the_reference_shows_the_defaults() -> None:
    """A commented line says what holds without it, unless it says that it is an example."""
    lines = [line for line in REFERENCE.read_text().splitlines() if "default" not in line]
    text = re.sub(r"(?m)^# (?=[a-z_0-9]+ = )", "", "\n".join(lines))
    document = tomllib.loads(text)
    del document["data_dir"]
    carriers = document.pop("carrier")
    assert Settings() == settings_from(document)
    [sim] = [table for table in carriers if table["kind"] == "sim"]
    assert settings_from({"carrier": [SIM | {"name": "drill"}]}) == settings_from({"carrier": [sim]})


# --- faults ----------------------------------------------------------------------------------------------------------


def test_every_fault_at_once(smpp: dict[str, object]) -> None:
    """One fault hides no other: each is told by its key, with what would be right."""
    smpp |= {"port": 70_000, "password": "hunter2", "profile": {"id_resp": "hxe", "alphabets": {"gsm7": 0, "ucs2": -1}}}
    told = faults(
        {
            "data_dri": "x",
            "edge": {"listen": 8080},
            "voices": {},
            "carrier": [smpp, {"kind": "whatsapp", "lanes": ["wram", "cold", "cold"]}],
        }
    )
    assert {
        "data_dri": "there is no such key; did you mean data_dir?",
        "voices": "there is no such key; did you mean voice?",
        "edge.listen": "expected str, got int",
        "carrier[0].password": "there is no such key; did you mean password_file?",
        "carrier[0].port": "expected int <= 65535, got 70000",
        "carrier[0].profile.id_resp": "expected one of opaque, hex, dec; did you mean hex?",
        "carrier[0].profile.alphabets.ucs2": "expected int >= 0, got -1",
        "carrier[1].phone_id": "is required",
        "carrier[1].template": "is required",
        "carrier[1].token_file": "is required",
        "carrier[1].name": "is required",
        "carrier[1].channels": "is required",
        "carrier[1].lanes[0]": "expected one of crisis, warm, public_interest, cold; did you mean warm?",
    } == told


def test_a_secret_in_the_wrong_place_is_not_repeated(smpp: dict[str, object]) -> None:
    """A fault's words may end in a log."""
    assert "hunter2" not in str(faults({"carrier": [smpp | {"password": "hunter2"}]}))
    assert "hunter2" not in str(faults({"carrier": [GATEWAY | {"url": "http://me:hunter2@gateway/send"}]}))


@pytest.mark.parametrize(
    ("document", "key", "words"),
    [
        ({"store": "postgresql://db/klaroen"}, "store", "postgresql is not available in this version"),
        ({"store": "mysql"}, "store", "expected sqlite"),
        ({"data_dir": ""}, "data_dir", "expected str of length >= 1"),
        ({"edge": []}, "edge", "expected a table"),
        ({"edge": {"listen": "127.0.0.1"}}, "edge.listen", "expected host:port"),
        ({"edge": {"listen": "127.0.0.1:65536"}}, "edge.listen", "there is no port 65536"),
        ({"edge": {"listen": "127.0.0.1:9102"}}, "metrics.dispatch", "127.0.0.1:9102 is taken by edge.listen"),
        ({"edge": {"public_url": "alerts.example.be"}}, "edge.public_url", "expected http://"),
        ({"edge": {"public_url": "http://[x"}}, "edge.public_url", "is not an address"),
        ({"edge": {"public_url": "http://x/#y"}}, "edge.public_url", "ends in a fragment"),
        ({"edge": {"requests_per_s": 0}}, "edge.requests_per_s", "expected float > 0"),
        ({"edge": {"requests_per_s": float("nan")}}, "edge.requests_per_s", "expected float > 0"),
        ({"edge": {"client_ca": __file__}}, "edge.client_ca", "has no effect without edge.tls_certificate"),
        ({"edge": {"tls_certificate": __file__}}, "edge.tls_certificate", "goes with tls_key_file"),
        ({"edge": {"client_ca": "/"}}, "edge.client_ca", "/ is not a file"),
        ({"dispatch": {"unjournaled_max": 0}}, "dispatch.unjournaled_max", "expected int >= 1, got 0"),
        ({"dispatch": {"unjournaled_max": True}}, "dispatch.unjournaled_max", "expected int, got bool"),
        ({"steps": {"warm": {"sms_s": 0}}}, "steps.warm.sms_s", "expected float > 0"),
        ({"steps": {"hot": {}}}, "steps.hot", "there is no such key"),
        ({"retention": {"texts_days": 0}}, "retention.texts_days", "expected int >= 1, got 0"),
        ({"carrier": SIM}, "carrier", "headed [[carrier]]"),
        ({"carrier": ["a"]}, "carrier[0]", "expected a table"),
        (
            {"carrier": [{"name": "a", "channels": ["sms"]}]},
            "carrier[0].kind",
            "is required: one of asterisk, sim, sip, smpp, sms_http",
        ),
        ({"carrier": [SIM | {"kind": "smppp"}]}, "carrier[0].kind", "there is no kind 'smppp'; did you mean smpp?"),
        ({"carrier": [SIM, SIM]}, "carrier[1].name", "a is the name of carrier[0] already"),
        ({"carrier": [SIM | {"name": "a b"}]}, "carrier[0].name", "expected 1 to 40 of A-Z"),
        ({"carrier": [SIM | {"name": "a\n"}]}, "carrier[0].name", "expected 1 to 40 of A-Z"),
        ({"carrier": [SIM | {"channels": []}]}, "carrier[0].channels", "names no channel"),
        ({"carrier": [SIM | {"channels": "sms"}]}, "carrier[0].channels", "expected array, got str"),
        ({"carrier": [SIM | {"channels": ["fax"]}]}, "carrier[0].channels[0]", "expected one of sms, voice"),
        ({"carrier": [SIM | {"channels": ["sms", "sms"]}]}, "carrier[0].channels", "names one twice"),
        ({"carrier": [SIM | {"loss": 1.5}]}, "carrier[0].loss", "expected float <= 1"),
        ({"carrier": [SIM | {"weight": 0}]}, "carrier[0].weight", "expected float > 0"),
        ({"carrier": [GATEWAY | {"channels": ["tts"]}]}, "carrier[0].channels", "this kind carries sms, not tts"),
        ({"carrier": [GATEWAY | {"profile": "kannel"}]}, "carrier[0].user", "is required for the profile kannel"),
        ({"carrier": [GATEWAY | {"user": "x"}]}, "carrier[0].user", "has no effect but for the profile kannel"),
        ({"carrier": [GATEWAY | {"sender": "é"}]}, "carrier[0].sender", "expected at most 20 ASCII characters"),
        ({"carrier": [GATEWAY | {"batch_max": 10_001}]}, "carrier[0].batch_max", "expected int <= 10000, got 10001"),
        ({"carrier": [TRUNK | {"channels": ["sms"]}]}, "carrier[0].channels", "this kind carries voice, tts, not sms"),
        ({"carrier": [TRUNK | {"host": "a b"}]}, "carrier[0].host", "expected a name or an address"),
        ({"carrier": [TRUNK | {"caller_id": "BIN"}]}, "carrier[0].caller_id", "expected a number"),
        ({"carrier": [TRUNK | {"transport": "tls"}]}, "carrier[0].transport", "expected one of udp, tcp"),
        (
            {"voice": {"rtp_first": 20_001, "rtp_last": 20_010, "workers": 2}, "carrier": [TRUNK | {"lines": 3}]},
            "voice.rtp_last",
            "leaves 2 even ports a process, for 3 lines of kind sip",
        ),
        ({"voice": {"rtp_first": 20_002, "rtp_last": 20_001}}, "voice.rtp_last", "leaves 0 even ports"),
        ({"voice": {"workers": 0}}, "voice.workers", "expected int >= 1, got 0"),
        ({"carrier": [GATEWAY | {"url": "http://x:0/"}]}, "carrier[0].url", "expected http://"),
    ],
)
def test_fault(document: dict[str, object], key: str, words: str) -> None:
    """Each rule, broken alone, is told by its key alone."""
    told = faults(document)
    assert [key] == list(told)
    assert words in told[key]


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"window": 0}, "window", "expected int >= 1, got 0"),
        ({"rate_per_s": -1}, "rate_per_s", "expected float > 0"),
        ({"port": 0}, "port", "expected int >= 1, got 0"),
        ({"host": "smsc:2775"}, "host", "expected a name or an address, without port"),
        ({"system_id": "a" * 16}, "system_id", "expected 1 to 15 ASCII characters"),
        ({"source": {"warm": "x" * 21}}, "source.warm", "expected at most 20 ASCII characters"),
        ({"source": {"wram": "8810"}}, "source.wram", "did you mean warm?"),
        ({"source": 8810}, "source", "expected str | object, got int"),
        ({"first_sequence": 0}, "first_sequence", "expected int >= 1, got 0"),
        ({"tls_ca": __file__}, "tls_ca", "has no effect without tls = true"),
        ({"profile": {"alphabets": {"ucs2": 256}}}, "profile.alphabets.ucs2", "expected int <= 255, got 256"),
        ({"profile": {"alphabets": {"gsm8": 0, "ucs2": 8}}}, "profile.alphabets.gsm8", "did you mean gsm7?"),
        ({"profile": {"alphabets": {"gsm7": 0}}}, "profile.alphabets", "ucs2 is missing"),
        ({"profile": {"alphabets": {"gsm7": 0, "latin1": 3, "ucs2": 8}}}, "profile.alphabets", "gsm7 or latin1"),
        ({"profile": {"statuses": {"0x0": "ok"}}}, "profile.statuses.0x0", "expected a status other than 0"),
        ({"profile": {"statuses": {"0x400": "try"}}}, "profile.statuses.0x400", "expected one of ok, retry"),
    ],
)
def test_smpp_fault(change: dict[str, object], key: str, words: str, smpp: dict[str, object]) -> None:
    """Each rule of an SMPP account, broken alone, is told by its key alone."""
    told = faults({"carrier": [smpp | change]})
    assert [f"carrier[0].{key}"] == list(told)
    assert words in told[f"carrier[0].{key}"]


def test_pinned_signers_need_what_verifies_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """An edge that could not verify would have to refuse every message."""
    assert (__file__,) == settings_from({"cap": {"signers": [__file__]}}).cap.signers
    monkeypatch.setattr("klaroen.configuration.rules.find_spec", lambda name: None)
    assert "klaroen[signatures]" in faults({"cap": {"signers": [__file__]}})["cap.signers"]
    assert () == settings_from({"cap": {"signers": []}}).cap.signers


MAIL = {"name": "m", "kind": "smtp", "channels": ["email"], "host": "relay.example.be", "sender": "bin@example.be"}


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"channels": ["sms"]}, "channels", "this kind carries email, not sms"),
        ({"sender": "bin"}, "sender", "expected a mail address"),
        ({"sender": "BIN <bin@example.be>"}, "sender", "expected a mail address"),
        ({"sender": "bin@example.be\n"}, "sender", "expected a mail address"),
        ({"sender_name": "a\nb"}, "sender_name", "expected"),
        ({"subjects": {"nl": ""}}, "subjects.nl", "expected"),
        ({"subjects": {"es": "Hola"}}, "subjects.es", "expected one of nl, fr"),
        ({"tls": "opportunistic"}, "tls", "expected one of starttls, implicit, none"),
        ({"user": "klaroen"}, "user", "goes with password_file"),
        ({"password_file": "SECRET"}, "password_file", "goes with user"),
        ({"tls": "none", "user": "klaroen", "password_file": "SECRET"}, "user", "never goes in the open"),
        ({"tls": "none", "tls_ca": __file__}, "tls_ca", "has no effect with tls"),
        ({"reports": "all"}, "reports", "has no effect without bounces"),
        ({"delivered_means": "mailbox"}, "delivered_means", "has no effect without bounces"),
        ({"receipt_secret_file": "SECRET"}, "receipt_secret_file", "has no effect without bounces"),
        ({"unsubscribe_url": "http://example.be/"}, "unsubscribe_url", "expected an https address"),
        ({"unsubscribe_url": "https://example.be/>\r\nX: y"}, "unsubscribe_url", "expected an https address"),
        ({"connections": 65}, "connections", "expected int <= 64"),
        ({"dkim_selector": "bin2026"}, "dkim_selector", "goes with dkim_key_file"),
        ({"dkim_key_file": "SECRET"}, "dkim_key_file", "goes with dkim_selector"),
        ({"dkim_selector": "a b", "dkim_key_file": "SECRET"}, "dkim_selector", "expected a DKIM selector"),
    ],
)
def test_mail_fault(change: dict[str, object], key: str, words: str, secret: str) -> None:
    """Each rule of an account at a relay, broken alone, is told by its key alone."""
    given = {name: secret if value == "SECRET" else value for name, value in change.items()}
    told = faults({"carrier": [MAIL | given]})
    assert [f"carrier[0].{key}"] == list(told)
    assert words in told[f"carrier[0].{key}"]


def test_a_mail_account_needs_little() -> None:
    (carrier,) = settings_from({"carrier": [MAIL]}).carrier
    assert ("smtp", 50.0, False) == (carrier.__struct_config__.tag, carrier.paced_per_s, carrier.keyed)


@pytest.fixture
def cloud(secret: str) -> dict[str, object]:
    return {"name": "c", "kind": "twilio", "channels": ["voice", "tts"], "account": "AC1", "token_file": secret}


@pytest.mark.parametrize(
    ("change", "edge", "key", "words"),
    [
        ({"channels": ["sms", "tts"]}, {}, "channels", "calls and texts have rates of their own"),
        ({"channels": ["email"]}, {}, "channels", "this kind carries sms, voice, tts, not email"),
        ({}, {"listen": "127.0.0.1:0"}, "public_url", "is required, or edge.public_url"),
        ({"account": "a/b"}, {}, "account", "expected 1 to 64 of A-Z a-z 0-9 -"),
        ({"sender": "é"}, {}, "sender", "expected at most 34 ASCII characters"),
        ({"calls_per_s": 0}, {}, "calls_per_s", "expected float > 0"),
    ],
)
def test_cloud_fault(
    change: dict[str, object], edge: dict[str, object], key: str, words: str, cloud: dict[str, object]
) -> None:
    """Each rule of a Twilio-shaped account, broken alone, is told by its key alone."""
    told = faults({"edge": edge, "carrier": [cloud | change]})
    assert [f"carrier[0].{key}"] == list(told)
    assert words in told[f"carrier[0].{key}"]


@pytest.fixture
def pbx(secret: str) -> dict[str, object]:
    return {"name": "pbx", "kind": "asterisk", "channels": ["voice", "tts"], "user": "u", "password_file": secret}


ENDPOINT = "such as PJSIP/{number}@trunk"


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        ({"channels": ["sms"]}, "channels", "this kind carries voice, tts, not sms"),
        ({"endpoint": "PJSIP/trunk"}, "endpoint", ENDPOINT),
        ({"endpoint": "PJSIP/{number}@{digits}"}, "endpoint", ENDPOINT),
        ({"endpoint": "{number}"}, "endpoint", ENDPOINT),
        ({"endpoint": "/{number}"}, "endpoint", ENDPOINT),
        ({"endpoint": "PJ SIP/{number}"}, "endpoint", ENDPOINT),
        ({"endpoint": "PJSIP/{number}\n"}, "endpoint", "expected at most 200 ASCII characters"),
        ({"endpoint": "é/{number}"}, "endpoint", "expected at most 200 ASCII characters"),
        ({"endpoint": "P/{number}" + "x" * 200}, "endpoint", "expected at most 200 ASCII characters"),
        ({"user": "a:b"}, "user", "no colon"),
        ({"application": "a b"}, "application", "expected 1 to 60 of"),
        ({"caller_id": "101"}, "caller_id", "a number in E.164, with +"),
        ({"clips": "clips"}, "clips", "an absolute path"),
        ({"clips": "/a&b"}, "clips", "an absolute path"),
        ({"amd_context": "x"}, "amd_context", "has no effect without amd = true"),
        ({"rest": "ftp"}, "rest", "expected one of auto, websocket, http"),
        ({"lines": 0}, "lines", "expected int >= 1"),
    ],
)
def test_asterisk_fault(change: dict[str, object], key: str, words: str, pbx: dict[str, object]) -> None:
    """Each rule of an Asterisk, broken alone, is told by its key alone."""
    told = faults({"carrier": [pbx | change]})
    assert [f"carrier[0].{key}"] == list(told)
    assert words in told[f"carrier[0].{key}"]


def test_an_asterisk_is_told_where_our_clips_are(pbx: dict[str, object], secret: str) -> None:
    """They are ours, in `data_dir`, unless its section says otherwise; TLS needs an address that speaks it."""
    told = faults({"carrier": [pbx | {"tls_ca": secret}]})
    assert {"carrier[0].tls_ca": "has no effect unless url is https"} == told
    [derived] = settings_from({"data_dir": "/d", "carrier": [pbx]}).carrier
    [own] = settings_from({"data_dir": "/d", "carrier": [pbx | {"data_dir": "/e", "amd": True}]}).carrier
    assert isinstance(derived, Asterisk)
    assert isinstance(own, Asterisk)
    assert ["/d", "/e"] == [derived.data_dir, own.data_dir]
    assert (5.0, 30, "klaroen-pbx") == (derived.paced_per_s, derived.lines_max, derived.app)


def test_carriers_reach_us_as_everybody_does(cloud: dict[str, object], secret: str) -> None:
    """By a section's own word, else by `edge.public_url`, else where the edge listens; else not at all."""

    def told(**edge: object) -> list[str | None]:
        texts = cloud | {"name": "t", "channels": ["sms"]}
        settings = settings_from({"edge": edge, "carrier": [texts, GATEWAY]})
        return [getattr(one, "public_url", getattr(one, "receipt_url", None)) for one in settings.carrier]

    assert ["http://127.0.0.1:8080", "http://127.0.0.1:8080/v1/receipts/g"] == told()
    assert ["https://a.be/k", "https://a.be/k/v1/receipts/g"] == told(public_url="https://a.be/k/")
    tls = {"tls_certificate": secret, "tls_key_file": secret}
    assert ["https://[::1]:8443", "https://[::1]:8443/v1/receipts/g"] == told(listen="[::1]:8443", **tls)
    assert [None, None] == told(listen="127.0.0.1:0")
    own = [cloud | {"public_url": "https://b.be"}, GATEWAY | {"receipt_url": "https://c.be/r"}]
    settings = settings_from({"edge": {"public_url": "https://a.be"}, "carrier": own})
    assert ["https://b.be", "https://c.be/r"] == [
        getattr(one, "public_url", getattr(one, "receipt_url", None)) for one in settings.carrier
    ]


@pytest.mark.parametrize(
    ("mode", "content", "words"),
    [
        (0o604, b"hush", "is open to everybody on this machine: chmod o="),
        (0o602, b"hush", "is open to everybody on this machine: chmod o="),
        (0o600, b"", "is empty"),
        (0o600, b"x" * 65_537, "is longer than 65536 bytes"),
        (None, b"", "No such file or directory"),
    ],
)
def test_secret_files(mode: int | None, content: bytes, words: str, smpp: dict[str, object], tmp_path: Path) -> None:
    """A secret that everybody on the machine can read is none."""
    path = tmp_path / "password"
    if mode is not None:
        path.write_bytes(content)
        path.chmod(mode)
    assert words in faults({"carrier": [smpp | {"password_file": str(path)}]})["carrier[0].password_file"]


def test_a_faulty_value_breaks_no_rule_besides(smpp: dict[str, object]) -> None:
    """Nothing is said twice: a partner that is there but wrong is told once, under its own key."""
    told = faults(
        {
            "edge": {"listen": 1, "tls_certificate": __file__, "tls_key_file": "/nowhere"},
            "carrier": [
                smpp | {"name": 1, "channels": 1, "tls": 1, "tls_ca": __file__, "profile": {"alphabets": 1}},
                GATEWAY | {"name": 1, "profile": "kanel", "user": "x"},
                smpp | {"profile": 1},
            ],
        }
    )
    assert {
        "edge.listen",
        "edge.tls_key_file",
        "carrier[0].name",
        "carrier[0].channels",
        "carrier[0].tls",
        "carrier[0].profile.alphabets",
        "carrier[1].name",
        "carrier[1].profile",
        "carrier[2].profile",
    } == set(told)


# --- what is taken ---------------------------------------------------------------------------------------------------


def test_a_class_keeps_its_other_defaults() -> None:
    """[steps.crisis] with one key changes that key alone."""
    crisis = settings_from({"steps": {"crisis": {"plays": 3}}}).steps.crisis
    assert structs.replace(Settings().steps.crisis, plays=3) == crisis


def test_port_0_collides_with_nothing() -> None:
    """Port 0 picks one each time."""
    settings = settings_from({"edge": {"listen": "[::1]:0"}, "metrics": {"edge": "[::1]:0", "dispatch": "[::1]:0"}})
    assert settings.metrics.dispatch == "[::1]:0"


def test_whole_numbers_are_taken_for_seconds_and_rates(smpp: dict[str, object]) -> None:
    """`rate_per_s = 1000` is as good as `1000.0`."""
    [carrier] = settings_from({"carrier": [smpp | {"rate_per_s": 1000, "source": {"warm": "8810"}}]}).carrier
    assert isinstance(carrier, Smpp)
    assert (1000.0, {"warm": "8810"}) == (carrier.rate_per_s, carrier.source)


# --- kinds that others bring -----------------------------------------------------------------------------------------

BROUGHT = """
from klaroen.settings import Plugged, Sim

class Pigeon(Plugged, frozen=True, kw_only=True, tag_field="kind", tag="pigeon"):
    loft: str
    def build(self, emit, clock):
        return (self.loft, emit, clock)

class Lazy(Plugged, frozen=True, tag_field="kind", tag="lazy"):
    pass
"""
ENTRIES = """[klaroen.carriers]
pigeon = brought_carriers:Pigeon
lazy = brought_carriers:Lazy
absent = brought_carriers:Absent
"""


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brought_carriers.py").write_text(BROUGHT)
    described = tmp_path / "brought-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text("Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n")
    (described / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.usefixtures("brought")
def test_another_distribution_may_bring_a_kind() -> None:
    """The entry-point group `klaroen.carriers` names a `Plugged` by its kind."""
    document: dict[str, object] = {"carrier": [{"kind": "pigeon", "name": "p", "channels": ["sms"], "loft": "Lier"}]}
    [carrier] = settings_from(document).carrier
    assert isinstance(carrier, Plugged)
    assert carrier.build(1, 2) == ("Lier", 1, 2)  # type: ignore[arg-type,comparison-overlap]


@pytest.mark.usefixtures("brought")
@pytest.mark.parametrize(
    ("kind", "words"), [("lazy", "is not a klaroen.settings.Plugged"), ("absent", "cannot be loaded")]
)
def test_a_kind_that_does_not_hold_is_told(kind: str, words: str) -> None:
    """Neither of them stops the rest of the file from being judged."""
    told = faults({"store": "x", "carrier": [{"kind": kind, "name": "p", "channels": ["sms"]}]})
    assert ["store", "carrier[0].kind"] == list(told)
    assert words in told["carrier[0].kind"]


def test_what_is_plugged_builds_its_own_carrier() -> None:
    """The base class itself carries nothing."""
    with pytest.raises(NotImplementedError):
        Plugged(name="x", channels=("sms",)).build(None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("channels", ["sms"], "this kind carries whatsapp, not sms"),
        ("phone_id", "+32", "the id of the number, in digits"),
        ("template", "Bin", "1 to 512 of a-z 0-9 _"),
        ("template_languages", {"nl": "x"}, "a code such as nl"),
        ("text_max", 2001, "expected int <= 2000"),
    ],
)
def test_faults_of_a_whatsapp_number(key: str, value: object, words: str, secret: str) -> None:
    whatsapp = {"name": "m", "kind": "whatsapp", "channels": ["whatsapp"], "phone_id": "1", "template": "b"}
    with pytest.raises(ConfigurationFaults) as caught:
        settings_from({"carrier": [{**whatsapp, "token_file": secret, key: value}]})
    ((at, told),) = [(fault.key, fault.words) for fault in caught.value.faults]
    assert at.startswith(f"carrier[0].{key}")
    assert words in told


@pytest.mark.parametrize(
    ("public_url", "link"),
    [("https://bin.be/", "https://bin.be/v1/farewells/{farewell}"), ("http://bin.be", None)],
)
def test_cold_mails_link_to_our_own_page_where_it_is_https(public_url: str, link: str | None) -> None:
    """RFC 8058, 3.1: nothing else is clicked."""
    mail = {"name": "m", "kind": "smtp", "channels": ["email"], "host": "relay", "sender": "a@b.be"}
    own = mail | {"name": "own", "unsubscribe_url": "https://c.be/{attempt}"}
    settings = settings_from({"edge": {"public_url": public_url}, "carrier": [mail, own]})
    assert [link, "https://c.be/{attempt}"] == [getattr(one, "unsubscribe_url", None) for one in settings.carrier]
