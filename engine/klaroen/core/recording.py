"""A recording as it was posted, for alerts to name."""

from msgspec import Struct

from klaroen.core.model import AlertClass, ClipId, Instant, Recorded, RecordingId


class Recording(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A recording that alerts of one token may name: both of its clips, and the hash of the file as it was posted."""

    id: RecordingId
    token: str
    sha256: str
    plain: ClipId
    levelled: ClipId
    duration_s: float
    posted_at: Instant

    def as_played(self, alert_class: AlertClass) -> Recorded:
        """Return it as an alert of this class plays it (R10)."""
        return Recorded(self.id, self.plain if alert_class == "crisis" else self.levelled, self.duration_s)
