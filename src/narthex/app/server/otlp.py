"""The OTLP receiver of a server or an agent."""

from __future__ import annotations

from narthex.app.flags import Flags
from narthex.app.server.settings import ServerSettings
from narthex.clock import Clock
from narthex.instrument import Registry
from narthex.remote.otlp import OtlpReceiver
from narthex.remote.otlp_translate import OtlpFeatures
from narthex.storage.contract import Appendable


def otlp_receiver(
    flags: Flags, settings: ServerSettings, storage: Appendable, registry: Registry, clock: Clock
) -> OtlpReceiver | None:
    """None when it is not enabled."""
    if not settings.web.otlp:
        return None
    features = OtlpFeatures(
        native_delta="otlp-native-delta-ingestion" in settings.features,
        delta_to_cumulative="otlp-deltatocumulative" in settings.features,
        type_and_unit_labels="type-and-unit-labels" in settings.features,
        lookback=flags.milliseconds("query.lookback-delta"),
    )
    return OtlpReceiver(storage, features, clock, registry)
