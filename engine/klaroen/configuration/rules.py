"""What several keys of the configuration must satisfy together.

Law: a value that is `FAULTY` already breaks no rule, so that nothing is said twice.
"""

from collections.abc import Iterator, Sequence
from importlib.util import find_spec

from klaroen.configuration.tables import FAULTY, Fault, Tree
from klaroen.setting_mail import Smtp
from klaroen.settings import Asterisk, CarrierSettings, Edge, Metrics, Sip, Smpp, SmsHttp, Twilio, Voice

Carriers = Sequence[tuple[str, type[CarrierSettings] | None, Tree]]
"""(key of the section, its kind where known, what it means)."""


def broken_rules(tree: Tree, carriers: Carriers) -> Iterator[Fault]:
    """Yield a fault for each rule that the file breaks."""
    edge = _table(tree, "edge")
    yield from _pair(edge, "edge", "tls_certificate", "tls_key_file")
    if _sound(edge, "client_ca") and "tls_certificate" not in edge:
        yield Fault("edge.client_ca", "has no effect without edge.tls_certificate")
    yield from _ports(edge, _table(tree, "metrics"))
    yield from _voice(_table(tree, "voice"), carriers)
    signers = _table(tree, "cap").get("signers")
    if signers and find_spec("signxml") is None:
        yield Fault("cap.signers", "needs the extra `signatures`: pip install 'klaroen[signatures]'")
    names: dict[str, str] = {}
    for at, kind, section in carriers:
        name = section.get("name")
        if isinstance(name, str):
            if name in names:
                yield Fault(f"{at}.name", f"{name} is the name of {names[name]} already")
            names.setdefault(name, at)
        yield from _carrier(at, kind, section)
        if kind is Twilio:
            yield from _twilio(at, section, edge)


def _carrier(at: str, kind: type[CarrierSettings] | None, section: Tree) -> Iterator[Fault]:
    channels, lanes = section.get("channels"), section.get("lanes", ())
    if channels == ():
        yield Fault(f"{at}.channels", "names no channel")
    for key, values in (("channels", channels), ("lanes", lanes)):
        if isinstance(values, tuple) and len(set(values)) < len(values):
            yield Fault(f"{at}.{key}", "names one twice")
    if kind is not None and kind.carries and isinstance(channels, tuple):
        for channel in channels:
            if channel not in kind.carries:
                yield Fault(f"{at}.channels", f"this kind carries {', '.join(kind.carries)}, not {channel}")
    if kind is Smpp:
        yield from _smpp(at, section)
    elif kind is SmsHttp:
        yield from _sms_http(at, section)
    elif kind is Asterisk:
        yield from _asterisk(at, section)
    elif kind is Sip and _sound(section, "password_file") and not section.get("user"):
        yield Fault(f"{at}.password_file", "goes with user, which is missing")
    elif kind is Smtp:
        yield from _smtp(at, section)


def _smpp(at: str, section: Tree) -> Iterator[Fault]:
    yield from _pair(section, at, "tls_certificate", "tls_key_file")
    for key in ("tls_ca", "tls_certificate"):
        if _sound(section, key) and section.get("tls", False) is False:
            yield Fault(f"{at}.{key}", "has no effect without tls = true")
    alphabets = _table(section, "profile").get("alphabets")
    if isinstance(alphabets, dict):
        if "gsm7" in alphabets and "latin1" in alphabets:
            yield Fault(f"{at}.profile.alphabets", "an SMSC has one default alphabet: gsm7 or latin1")
        if "ucs2" not in alphabets:
            yield Fault(f"{at}.profile.alphabets", "ucs2 is missing, without which not every text can be sent exactly")


def _sms_http(at: str, section: Tree) -> Iterator[Fault]:
    profile = section.get("profile", "generic")
    if profile == "kannel" and "user" not in section:
        yield Fault(f"{at}.user", "is required for the profile kannel")
    if profile == "generic" and _sound(section, "user"):
        yield Fault(f"{at}.user", "has no effect but for the profile kannel")


def _asterisk(at: str, section: Tree) -> Iterator[Fault]:
    secured = str(section.get("url", "")).startswith("https:")
    if _sound(section, "tls_ca") and not secured:
        yield Fault(f"{at}.tls_ca", "has no effect unless url is https")
    if _sound(section, "amd_context") and section.get("amd", False) is False:
        yield Fault(f"{at}.amd_context", "has no effect without amd = true")


def _smtp(at: str, section: Tree) -> Iterator[Fault]:
    yield from _pair(section, at, "user", "password_file")
    yield from _pair(section, at, "dkim_selector", "dkim_key_file")
    if section.get("tls", "starttls") == "none":
        for key in ("user", "tls_ca"):
            if _sound(section, key):
                words = "never goes in the open" if key == "user" else "has no effect"
                yield Fault(f"{at}.{key}", f'{words} with tls = "none"')
    told = {"reports": "all", "delivered_means": "mailbox"}
    for key in (*(key for key, value in told.items() if section.get(key) == value), "receipt_secret_file"):
        if _sound(section, key) and "bounces" not in section:
            yield Fault(f"{at}.{key}", "has no effect without bounces, where reports are sent to")


def _twilio(at: str, section: Tree, edge: Tree) -> Iterator[Fault]:
    channels = section.get("channels")
    calls = isinstance(channels, tuple) and bool({"voice", "tts"} & set(channels))
    if calls and isinstance(channels, tuple) and "sms" in channels:
        yield Fault(
            f"{at}.channels", "calls and texts have rates of their own: give each a [[carrier]] of this account"
        )
    nowhere = "public_url" not in section and "public_url" not in edge and str(edge.get("listen")).endswith(":0")
    if calls and nowhere:
        yield Fault(f"{at}.public_url", "is required, or edge.public_url: the carrier fetches from us what it plays")


def _voice(voice: Tree, carriers: Carriers) -> Iterator[Fault]:
    """Every line needs a port, and any voice process may get all of them."""
    first, last, workers = (voice.get(key, getattr(Voice(), key)) for key in ("rtp_first", "rtp_last", "workers"))
    if not isinstance(first, int) or not isinstance(last, int) or not isinstance(workers, int):
        return
    room = max(0, (last + 1 - first) // 2 // workers)
    lines = [section.get("lines", 30) for _, kind, section in carriers if kind is Sip]
    needed = sum(one for one in lines if isinstance(one, int))
    if room < max(needed, 1):
        words = f"leaves {room} even ports a process, for {needed} lines of kind sip"
        yield Fault("voice.rtp_last", words)


def _ports(edge: Tree, metrics: Tree) -> Iterator[Fault]:
    """Each process listens for itself; port 0 collides with nothing."""
    seen: dict[str, str] = {}
    defaults = Metrics()
    listening = [
        ("edge.listen", edge.get("listen", Edge().listen)),
        ("metrics.edge", metrics.get("edge", defaults.edge)),
        ("metrics.dispatch", metrics.get("dispatch", defaults.dispatch)),
        ("metrics.voice", metrics.get("voice", defaults.voice)),
    ]
    for key, address in listening:
        if isinstance(address, str) and not address.endswith(":0"):
            if address in seen:
                yield Fault(key, f"{address} is taken by {seen[address]}")
            seen.setdefault(address, key)


def _pair(section: Tree, at: str, one: str, other: str) -> Iterator[Fault]:
    for key, partner in ((one, other), (other, one)):
        if _sound(section, key) and partner not in section:
            yield Fault(f"{at}.{key}", f"goes with {partner}, which is missing")


def _sound(section: Tree, key: str) -> bool:
    return section.get(key, FAULTY) is not FAULTY


def _table(tree: Tree, key: str) -> Tree:
    found = tree.get(key)
    return found if isinstance(found, dict) else {}
