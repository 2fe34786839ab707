"""One SMPP connection as the SMSC sees it.

Law: whole chunks are read into whole batches; every request gets an answer; enquire_link at once, whatever else waits.
A peer that breaks framing loses its connection; one that sends an unknown request gets a generic_nack and stays.
"""

import asyncio
from collections import Counter
from typing import Final, Protocol, cast

from klaroen_bench.carriers.account import Account, Receipt
from klaroen_bench.carriers.pdu import (
    ANSWER,
    BIND_RECEIVER,
    BIND_TRANSMITTER,
    BINDS,
    DELIVER_SM,
    DELIVER_SM_RESP,
    ENQUIRE_LINK,
    GENERIC_NACK,
    HEADER,
    PDU_BYTES_MAX,
    RINVBNDSTS,
    RINVCMDID,
    RINVCMDLEN,
    ROK,
    SUBMIT_SM,
    SUBMIT_SM_RESP,
    UNBIND,
    MalformedError,
    answer_bind,
    read_bind,
)

SEQUENCE_MAX: Final = 0x7FFFFFFF


class Switch(Protocol):
    """What a session needs of the SMSC."""

    counts: Counter[str]
    sessions: set["Session"]

    @property
    def frozen(self) -> bool: ...
    def admit(self, system_id: str, password: str) -> tuple[int, Account | None]: ...
    def take(self, session: "Session", pdus: list[bytes]) -> None: ...


class Session(asyncio.Protocol):
    def __init__(self, smsc: Switch) -> None:
        self._smsc = smsc
        self._rest = b""
        self._sequence = 0
        self._transport: asyncio.Transport | None = None
        self._full = False
        self.account: Account | None = None
        self.submits = False
        """Bound as transmitter or transceiver."""
        self.unacknowledged: dict[int, tuple[Receipt, float]] = {}
        self.answers: list[bytes] = []
        """Answers of the current turn, written together."""

    @property
    def writable(self) -> bool:
        return self._transport is not None and not self._full

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's, not the class.
        self._transport = cast("asyncio.Transport", transport)
        self._smsc.sessions.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._smsc.sessions.discard(self)
        if self.account is not None:
            self.account.leave(self)

    def pause_writing(self) -> None:
        # A peer that does not read its answers is not read either: nothing piles up here.
        self._full = True
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        if self._transport is not None and not self._smsc.frozen:
            self._transport.resume_reading()

    def freeze(self, *, frozen: bool) -> None:
        if self._transport is None:
            return
        if frozen:
            self._transport.pause_reading()
        elif not self._full:
            self._transport.resume_reading()
        if not frozen and self._rest:
            self.data_received(b"")

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def write(self, pdus: bytes) -> bool:
        """Return whether there was still a connection to write to."""
        if self._transport is None:
            return False
        self._transport.write(pdus)
        return True

    def deliver(self, receipts: list[Receipt], now: float) -> None:
        """Send receipts and remember them until they are acknowledged."""
        out = []
        sequence = self._sequence
        for receipt in receipts:
            sequence = sequence + 1 if sequence < SEQUENCE_MAX else 1
            self.unacknowledged[sequence] = (receipt, now)
            out.append(HEADER.pack(16 + len(receipt.body), DELIVER_SM, 0, sequence))
            out.append(receipt.body)
        self._sequence = sequence
        self.write(b"".join(out))

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        if self._smsc.frozen:  # connected meanwhile: a transport so new does not obey `pause_reading`
            self._rest = data
            if self._transport is not None:
                self._transport.pause_reading()
            return
        at, end = 0, len(data)
        submits: list[bytes] = []
        taken = 0
        while end - at >= HEADER.size:
            length, command, status, sequence = HEADER.unpack_from(data, at)
            if not HEADER.size <= length <= PDU_BYTES_MAX:
                self._smsc.counts["malformed"] += 1
                self.abort()
                return
            if end - at < length:
                break
            if command == SUBMIT_SM and self.submits:
                submits.append(data[at : at + length])
            elif command == DELIVER_SM_RESP:
                sent = self.unacknowledged.pop(sequence, None)
                if sent is not None:
                    taken += status == ROK
                    if status != ROK and self.account is not None:
                        self.account.refused(sent[0], status)
            else:
                self._other(command, sequence, data[at : at + length])
            at += length
        self._rest = data[at:]
        if submits:
            self._smsc.take(self, submits)
        if self.account is not None:
            self._smsc.counts["receipts_acknowledged"] += taken
            self.account.pump()

    def _other(self, command: int, sequence: int, pdu: bytes) -> None:
        if command == ENQUIRE_LINK:
            self.write(HEADER.pack(16, ENQUIRE_LINK | ANSWER, 0, sequence))
        elif command in BINDS:
            self._bind(command, sequence, pdu)
        elif command == UNBIND:
            self.write(HEADER.pack(16, UNBIND | ANSWER, 0, sequence))
            if self._transport is not None:
                self._transport.close()
        elif command == SUBMIT_SM:
            self.write(HEADER.pack(16, SUBMIT_SM_RESP, RINVBNDSTS, sequence))
        elif not command & ANSWER:
            self._smsc.counts["nacked"] += 1
            self.write(HEADER.pack(16, GENERIC_NACK, RINVCMDID, sequence))

    def _bind(self, command: int, sequence: int, pdu: bytes) -> None:
        try:
            bind = read_bind(pdu)
        except MalformedError:
            self.write(HEADER.pack(16, command | ANSWER, RINVCMDLEN, sequence))
            return
        if self.account is not None:
            self.write(HEADER.pack(16, command | ANSWER, RINVBNDSTS, sequence))
            return
        status, account = self._smsc.admit(bind.system_id, bind.password)
        self.write(answer_bind(command, sequence, status, b"smsc"))
        if account is None:
            return
        self.account = account
        self.submits = command != BIND_RECEIVER
        if command != BIND_TRANSMITTER:
            account.join(self)
