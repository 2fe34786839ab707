"""The configuration file, read: one `Settings`, or every fault in the file at once.

Law: a fault names its key as the file has it and says what would be right; of a file with a fault nothing is used.
Relative paths are those of the working directory, as for every other program of a systemd unit.
"""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final

from msgspec import Struct, structs

from klaroen.configuration.rules import broken_rules
from klaroen.configuration.tables import Fault, Tree, build, closest, read_table
from klaroen.rundir import voice_socket
from klaroen.setting_kinds import CarrierSection
from klaroen.setting_mail import Smtp
from klaroen.setting_whatsapp import Whatsapp
from klaroen.settings import (
    Asterisk,
    CarrierSettings,
    Edge,
    Plugged,
    Settings,
    Sim,
    Sip,
    Smpp,
    SmsHttp,
    Twilio,
)

FILE_BYTES_MAX: Final = 1 << 20
"""A hundred carriers with every key written out take a tenth of it."""

KINDS: Final[Mapping[str, type[CarrierSettings]]] = {
    "smpp": Smpp,
    "sms_http": SmsHttp,
    "twilio": Twilio,
    "sip": Sip,
    "asterisk": Asterisk,
    "smtp": Smtp,
    "whatsapp": Whatsapp,
    "sim": Sim,
}
PLUGGED_GROUP: Final = "klaroen.carriers"


class ConfigurationFaults(Exception):  # noqa: N818 - it carries all of them, and is not one error
    """The configuration cannot be used; `faults` says why, key by key, in the order of the file's sections."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("\n".join(f"{fault.key}: {fault.words}" for fault in faults))
        self.faults = tuple(faults)


class _Section(Struct):
    """One `[[carrier]]`: where it stands, what it is, and as much of it as could be read."""

    at: str
    kind: type[CarrierSettings] | None
    tree: Tree


def load_settings(path: Path | None, environ: Mapping[str, str]) -> Settings:
    """Return the settings of `path`, else of KLAROEN_CONFIG, else the embedded defaults.

    Raises ConfigurationFaults with every fault there is.
    """
    if path is None and environ.get("KLAROEN_CONFIG"):
        path = Path(environ["KLAROEN_CONFIG"])
    return Settings() if path is None else settings_from(_parsed(path))


def settings_from(document: Mapping[str, object]) -> Settings:
    """Return what a parsed file means; raises ConfigurationFaults."""
    faults: list[Fault] = []
    tree = read_table({key: value for key, value in document.items() if key != "carrier"}, Settings, "", faults)
    sections = list(_carriers(document.get("carrier", []), faults))
    faults += broken_rules(tree, [(section.at, section.kind, section.tree) for section in sections])
    if faults:
        raise ConfigurationFaults(faults)
    carriers = tuple(build(section.kind, section.tree) for section in sections if section.kind is not None)
    settings = build(Settings, tree)
    return structs.replace(
        settings, carrier=tuple(_at_home(_reachable(one, settings.edge), settings) for one in carriers)
    )


def _reachable(carrier: CarrierSettings, edge: Edge) -> CarrierSettings:
    """Say where a carrier reaches us, if its section does not: as everybody does, else where the edge listens."""
    base = edge.public_url
    if base is None and not edge.listen.endswith(":0"):
        base = f"{'http' if edge.tls_certificate is None else 'https'}://{edge.listen}"
    if base is None:
        return carrier
    base = base.rstrip("/")
    if isinstance(carrier, Twilio) and carrier.public_url is None:
        return structs.replace(carrier, public_url=base)
    if isinstance(carrier, Smtp) and carrier.unsubscribe_url is None and base.startswith("https:"):
        return structs.replace(carrier, unsubscribe_url=f"{base}/v1/farewells/{{farewell}}")
    if isinstance(carrier, SmsHttp) and carrier.receipt_url is None:
        return structs.replace(carrier, receipt_url=f"{base}/v1/receipts/{carrier.name}")
    return carrier


def _at_home(carrier: CarrierSettings, settings: Settings) -> CarrierSettings:
    """Say where what a carrier needs of ours lies on this machine, if its section does not."""
    if isinstance(carrier, Asterisk) and carrier.data_dir is None:
        return structs.replace(carrier, data_dir=settings.data_dir)
    if isinstance(carrier, Sip) and not carrier.sockets:
        workers = range(settings.voice.workers)
        return structs.replace(carrier, sockets=tuple(str(voice_socket(settings.data_dir, one)) for one in workers))
    return carrier


def _parsed(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigurationFaults([Fault(str(path), f"cannot be read: {error.strerror}")]) from error
    if len(content) > FILE_BYTES_MAX:
        raise ConfigurationFaults([Fault(str(path), f"is longer than {FILE_BYTES_MAX} bytes")])
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise ConfigurationFaults([Fault(str(path), f"is not UTF-8 at byte {error.start}")]) from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigurationFaults([Fault(str(path), f"is not TOML: {error}")]) from error


def _carriers(raw: object, faults: list[Fault]) -> Iterator[_Section]:
    if not isinstance(raw, list):
        faults.append(Fault("carrier", "each carrier is a table of its own, headed [[carrier]]"))
        return
    for index, table in enumerate(raw):
        at = f"carrier[{index}]"
        if not isinstance(table, dict):
            faults.append(Fault(at, "expected a table"))
            continue
        kind = _kind(table.get("kind"), f"{at}.kind", faults)
        keys = {key: value for key, value in table.items() if key != "kind"}
        if kind is None:  # what every carrier has can be judged even so
            common = {field.encode_name for field in structs.fields(CarrierSection)}
            tree = read_table({key: keys[key] for key in keys if key in common}, CarrierSection, at, faults)
        else:
            tree = read_table(keys, kind, at, faults)
        yield _Section(at, kind, tree)


def _kind(name: object, at: str, faults: list[Fault]) -> type[CarrierSettings] | None:
    plugged = {entry.name: entry for entry in entry_points(group=PLUGGED_GROUP)}
    known = sorted({*KINDS, *plugged})
    if not isinstance(name, str):
        faults.append(Fault(at, f"is required: one of {', '.join(known)}"))
    elif name in KINDS:
        return KINDS[name]
    elif name in plugged:
        try:
            brought: Any = plugged[name].load()
        except (ImportError, AttributeError) as error:
            faults.append(Fault(at, f"kind {name} cannot be loaded: {error}"))
            return None
        if isinstance(brought, type) and issubclass(brought, Plugged) and brought.build is not Plugged.build:
            return brought
        faults.append(Fault(at, f"kind {name} is not a klaroen.settings.Plugged with a build of its own"))
    else:
        faults.append(Fault(at, f"there is no kind {name!r}{closest(name, known)}"))
    return None
