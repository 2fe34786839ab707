"""What a carrier must do, as checks that anybody may run on theirs: the conformance kit of `klaroen.carriers`.

Law: a check uses the port alone (`klaroen.core.ports.Carrier`) and a far end that behaves as it is told. It runs under
`trio.testing.MockClock` or in real time, waits for conditions and never for a while, and fails with an AssertionError
that says which promise was broken. All that is logged or printed meanwhile is searched for what must not be there.

    @pytest.mark.parametrize("check", CARRIER_CHECKS, ids=lambda check: check.__name__)
    async def test_my_carrier(check, autojump_clock):
        await carrier_conformance(check, lambda emit, clock: MyCarrier(emit, clock), MyPeer(), secrets=["s3cret"])
"""

from klaroen.testing.carrier import CARRIER_CHECKS, Check, carrier_conformance
from klaroen.testing.rig import CLIP, SCRIPT, TEXTS, CarrierRig, Copy, Manner, Peer, TrioClock

__all__ = [
    "CARRIER_CHECKS",
    "CLIP",
    "SCRIPT",
    "TEXTS",
    "CarrierRig",
    "Check",
    "Copy",
    "Manner",
    "Peer",
    "TrioClock",
    "carrier_conformance",
]
