"""The configuration of a rig: what its user would write, with ports that are picked.

Law: pure; paths and ports come in.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from klaroen_bench.rig_plan import Plan, Relay, SmsCarrier, Trunk

SECRETS: Final = ("smsc.password", "gateway.token", "gateway.secret", "trunk.password")
CLASSES: Final = ("warm", "public_interest", "crisis")
"""Whose steps are shorter here than by default."""


def write_config(plan: Plan, directory: Path, ports: Mapping[str, int], secrets: Mapping[str, Path]) -> str:
    """Return the file's text. `ports` are the carriers', by name; `secrets` where each of `SECRETS` lies."""
    return "\n".join(_sections(plan, directory, ports, secrets))


def _sections(plan: Plan, directory: Path, ports: Mapping[str, int], secrets: Mapping[str, Path]) -> Iterator[str]:
    yield f'data_dir = "{directory / "data"}"'
    yield f'[edge]\nlisten = "127.0.0.1:{plan.edge_port}"\nrequests_per_s = 100000'
    voice = '\nvoice = "127.0.0.1:0"' if plan.trunk is not None else ""
    yield f'[metrics]\nedge = "127.0.0.1:0"\ndispatch = "127.0.0.1:0"{voice}'
    yield f"[dispatch]\nunjournaled_max = {plan.unjournaled_max}"
    trunk = plan.trunk
    calls = "" if trunk is None else f"\nring_s = {trunk.no_answer_after_s}\nplays = {trunk.plays}"
    for name in CLASSES:
        yield f"[steps.{name}]\nsms_s = {plan.sms_s}\ncall_s = {plan.call_s}\ngrace_s = {plan.grace_s}{calls}"
    for carrier in plan.carriers:
        yield _smpp(carrier, ports, secrets) if carrier.kind == "smpp" else _gateway(carrier, ports, secrets)
    if plan.relay is not None:
        yield _smtp(plan.relay, ports)
    yield _sim(plan, directory) if trunk is None else _sip(trunk, ports, secrets)


def _smpp(carrier: SmsCarrier, ports: Mapping[str, int], secrets: Mapping[str, Path]) -> str:
    return _sms(carrier) + (
        f'host = "127.0.0.1"\nport = {ports[carrier.name]}\nsystem_id = "klaroen"\nsource = "8810"\n'
        f'password_file = "{secrets["smsc.password"]}"\nbinds = {carrier.binds}\nwindow = {carrier.window}\n'
    )


def _gateway(carrier: SmsCarrier, ports: Mapping[str, int], secrets: Mapping[str, Path]) -> str:
    return _sms(carrier) + (
        f'url = "http://127.0.0.1:{ports[carrier.name]}/"\nprofile = "generic"\nsender = "8810"\n'
        f'token_file = "{secrets["gateway.token"]}"\nreceipt_secret_file = "{secrets["gateway.secret"]}"\n'
    )


def _sms(carrier: SmsCarrier) -> str:
    return (
        f'[[carrier]]\nname = "{carrier.name}"\nkind = "{carrier.kind}"\nchannels = ["sms"]\n'
        f"rate_per_s = {carrier.rate_per_s}\ncost_eur = {carrier.cost_eur}\nlanes = {list(carrier.lanes)}\n"
    )


def _smtp(relay: Relay, ports: Mapping[str, int]) -> str:
    return (
        f'[[carrier]]\nname = "{relay.name}"\nkind = "smtp"\nchannels = ["email"]\nhost = "127.0.0.1"\n'
        f'port = {ports[relay.name]}\ntls = "none"\nsender = "bin@klaroen.example"\n'
        f"connections = {relay.connections}\nrate_per_s = {relay.rate_per_s}\n"
    )


def _sip(trunk: Trunk, ports: Mapping[str, int], secrets: Mapping[str, Path]) -> str:
    return (
        f'[[carrier]]\nname = "{trunk.name}"\nkind = "sip"\nchannels = ["voice", "tts"]\n'
        f'host = "127.0.0.1"\nport = {ports[trunk.name]}\nuser = "klaroen"\n'
        f'password_file = "{secrets["trunk.password"]}"\ncaller_id = "+3228810000"\n'
        f"calls_per_s = {trunk.calls_per_s}\nlines = {trunk.lines}\ncost_eur = {trunk.cost_eur}\n"
    )


def _sim(plan: Plan, directory: Path) -> str:
    return (
        '[[carrier]]\nname = "calls"\nkind = "sim"\nchannels = ["voice", "tts"]\nrate_per_s = 2000\n'
        # A call whose proof is lost would be followed by one to the member's other number: two by one channel.
        f"seed = {plan.seed}\nloss = 0.0\n"
        f'latency_ms = {plan.conditions.latency_ms}\nledger = "{directory / "simulated.ledger"}"\n'
    )
