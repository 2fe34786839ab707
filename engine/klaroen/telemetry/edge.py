"""What the edge counts, with children bound once.

Law: a route is the pattern of the path, never the path; what no route takes is one route, `other`.
"""

from collections.abc import Callable, Iterator
from time import monotonic, time
from typing import Final

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from klaroen.telemetry.durations import SHORT_S, Durations
from klaroen.telemetry.vitals import Vitals


class EdgeMetrics:
    """The registry of an edge process; `certificate_expires_at` in Unix seconds, where it serves TLS."""

    def __init__(
        self,
        certificate_expires_at: float | None = None,
        clock: Callable[[], float] = monotonic,
        wall_clock: Callable[[], float] = time,
    ) -> None:
        self.registry = CollectorRegistry()
        self.vitals = Vitals("edge", self.registry, clock)
        self.accept: Final = Durations(
            "klaroen_accept_seconds",
            "From the request's first byte to 202, on disk.",
            [],
            SHORT_S,
            self.registry,
        ).of()
        self._requests = Counter(
            "klaroen_http_requests", "Answers, by route and status.", ["route", "status"], registry=self.registry
        )
        self._bound: dict[tuple[str, int], Counter] = {}
        self._certificate = (
            None
            if certificate_expires_at is None
            else _CertificateCollector(certificate_expires_at, wall_clock, self.registry)
        )

    def certificate_renewed(self, expires_at: float) -> None:
        assert self._certificate is not None, "there was none to renew"
        self._certificate.expires_at = expires_at

    def answered(self, route: str | None, status: int) -> None:
        """Count one answer; `route` is the pattern that matched, such as `/v1/alerts/{id}`."""
        key = (route or "other", status)
        counter = self._bound.get(key)
        if counter is None:
            counter = self._bound[key] = self._requests.labels(key[0], str(status))
        counter.inc()


class _CertificateCollector(Collector):
    """How long the server's certificate still holds."""

    def __init__(self, expires_at: float, clock: Callable[[], float], registry: CollectorRegistry) -> None:
        self.expires_at, self._clock = expires_at, clock
        registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield GaugeMetricFamily(
            "klaroen_certificate_expiry_seconds",
            "Until the server's certificate expires.",
            value=self.expires_at - self._clock(),
        )
