"""What a process tells about itself: metrics (one registry a process) and log lines.

Law: no label and no line ever holds a member, a number, an address or a text.
"""

from klaroen.telemetry.depths import CarrierDepth, Depths, LaneDepth
from klaroen.telemetry.dispatch import DispatchMetrics
from klaroen.telemetry.edge import EdgeMetrics
from klaroen.telemetry.exposition import CONTENT_TYPE, exposition, serve_metrics
from klaroen.telemetry.logs import configure_logging

__all__ = [
    "CONTENT_TYPE",
    "CarrierDepth",
    "Depths",
    "DispatchMetrics",
    "EdgeMetrics",
    "LaneDepth",
    "configure_logging",
    "exposition",
    "serve_metrics",
]
