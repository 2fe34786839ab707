"""A registry as Prometheus reads it: as bytes for an ASGI answer, or on a port of its own.

Law: one port a process; the port's server is a thread, so that it answers while the loop is stuck.
"""

from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, start_http_server

CONTENT_TYPE: Final = CONTENT_TYPE_LATEST


def exposition(registry: CollectorRegistry) -> bytes:
    """Return the text exposition, for an answer of `CONTENT_TYPE`."""
    return generate_latest(registry)


def serve_metrics(registry: CollectorRegistry, listen: str) -> int:
    """Serve the registry on `host:port` for the life of the process, and return the port (0 picks one)."""
    host, _, port = listen.rpartition(":")
    server, _thread = start_http_server(int(port), host.strip("[]"), registry)
    return int(server.server_port)
