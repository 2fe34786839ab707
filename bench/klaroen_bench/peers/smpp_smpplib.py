"""smpplib, as its users run it, but with a window: submissions go out until so many are unanswered, then one is read.

Run: python -m klaroen_bench.peers.smpp_smpplib --smsc HOST:PORT --count 20000 --json
"""

import logging
import time

import smpplib.client
import smpplib.consts

from klaroen_bench.peers.smpp_race import FIRST_NUMBER, TEXT, WINDOW, Figures, race


class Racer:
    """Counts what comes."""

    def __init__(self, host: str, port: int) -> None:
        self.client = smpplib.client.Client(host, port, timeout=30, allow_unknown_opt_params=True)
        self.answered = self.proved = 0
        self.client.set_message_sent_handler(self._answer)
        self.client.set_message_received_handler(self._prove)
        self.client.connect()
        self.client.bind_transceiver(system_id="theirs", password="secret")  # noqa: S106 - a simulated SMSC's

    def _answer(self, pdu: object) -> None:
        del pdu
        self.answered += 1

    def _prove(self, pdu: object) -> None:
        del pdu
        self.proved += 1

    def submit(self, number: int) -> None:
        self.client.send_message(
            source_addr_ton=smpplib.consts.SMPP_TON_ALNUM,
            source_addr="8810",
            dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
            dest_addr_npi=smpplib.consts.SMPP_NPI_ISDN,
            destination_addr=str(FIRST_NUMBER + number),
            short_message=TEXT.encode(),
            registered_delivery=True,
        )


def run(host: str, port: int, count: int) -> Figures:
    logging.getLogger("smpplib").setLevel(logging.ERROR)
    racer = Racer(host, port)
    sent = 0
    answered_at = 0.0
    started, cpu = time.perf_counter(), time.process_time()
    while racer.answered < count or racer.proved < count:
        while sent < count and sent - racer.answered < WINDOW:
            racer.submit(sent)
            sent += 1
        racer.client.read_once()
        if racer.answered == count and not answered_at:
            answered_at = time.perf_counter()
    cpu_s = time.process_time() - cpu
    racer.client.unbind()
    racer.client.disconnect()
    return Figures(count, answered_at - started, cpu_s)


if __name__ == "__main__":
    race("smpp_smpplib", run)
