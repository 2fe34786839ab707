"""Which voice reads each language, told to whoever scrapes: a better one that fails must not go unnoticed."""

from collections.abc import Iterator, Mapping

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from klaroen.core.model import Language


class SpeechEngines(Collector):
    """Reads the speaker's own record, whose keys never change, so that the scrape's thread may."""

    def __init__(self, heard: Mapping[Language, str]) -> None:
        self._heard = heard

    def collect(self) -> Iterator[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "klaroen_speech_engine",
            "1 for the voice that read a language last, or would be asked first.",
            labels=["language", "engine"],
        )
        for language, engine in self._heard.items():
            family.add_metric([language, engine], 1.0)
        yield family
