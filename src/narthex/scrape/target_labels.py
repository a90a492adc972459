"""From a discovered target to its labels and URL: defaults, relabelling, validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from yarl import URL

from narthex.config.relabel import rules
from narthex.config.scrape import ScrapeConfig
from narthex.errors import ScrapeError
from narthex.model.duration import format_duration, parse_duration
from narthex.model.labels import Labels, is_label_name, is_utf8_name
from narthex.model.relabel import process

ADDRESS, SCHEME, PATH = "__address__", "__scheme__", "__metrics_path__"
INTERVAL, TIMEOUT = "__scrape_interval__", "__scrape_timeout__"
UNIX_SOCKET = "__unix_socket__"
NATIVE_HISTOGRAMS = "__scrape_native_histograms__"
CLASSIC_HISTOGRAMS = "__always_scrape_classic_histograms__"
CONVERT_HISTOGRAMS = "__convert_classic_histograms_to_nhcb__"
_BOOLEANS = dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True) | dict.fromkeys(
    ("0", "f", "F", "FALSE", "false", "False"), False
)
"""What Go's strconv.ParseBool takes."""
PARAMETER_PREFIX, META_PREFIX, PRIVATE_PREFIX = "__param_", "__meta_", "__"


@dataclass(frozen=True, slots=True)
class Histograms:
    """What becomes of a target's histograms."""

    native: bool
    """Native ones are scraped as such; their classic series only if `classic`."""
    classic: bool
    convert: bool
    """Classic ones become native ones with custom buckets; their series are kept only if `classic`."""


@dataclass(frozen=True, slots=True)
class ScrapeTarget:
    """What is to be scraped. Two are the same target when they compare equal.

    `labels` are the ones after relabelling, private ones (`__...`) included and `__meta_...` excluded; `public` are
    those that samples get. `interval` and `timeout` are milliseconds.
    """

    labels: Labels
    public: Labels
    url: str
    interval: int
    timeout: int
    histograms: Histograms
    unix_socket: str = ""

    def __hash__(self) -> int:
        """All else follows from the labels and the job; their hash is kept, and pools look up thousands of targets."""
        return hash(self.labels)


def discovered_labels(target: Mapping[str, str], group: Mapping[str, str], config: ScrapeConfig) -> Labels:
    """A target's labels before relabelling."""
    labels = {**group, **target}
    defaults = {
        "job": config.job_name,
        SCHEME: config.scheme,
        PATH: config.metrics_path,
        INTERVAL: format_duration(config.scrape_interval),
        TIMEOUT: format_duration(config.scrape_timeout),
    }
    defaults |= {PARAMETER_PREFIX + name: values[0] for name, values in config.params.items() if values}
    for name, value in defaults.items():
        if not labels.get(name):
            labels[name] = value
    return Labels(labels)


def scrape_target(discovered: Labels, config: ScrapeConfig) -> ScrapeTarget | None:
    """The target after relabelling, None when relabelling drops it. Raises ScrapeError when it is not usable."""
    labels = process(discovered, rules(config.relabel_configs, config.legacy_names))
    if labels is None:
        return None
    address = labels.get(ADDRESS, "")
    if not address:
        raise ScrapeError("no address: the label __address__ is empty after relabelling")
    if "/" in address:
        raise ScrapeError(f'"{address}" is not a valid hostname')
    interval, timeout = _duration(labels, INTERVAL, "interval"), _duration(labels, TIMEOUT, "timeout")
    if timeout > interval:
        raise ScrapeError(f"scrape timeout {labels[TIMEOUT]} is greater than scrape interval {labels[INTERVAL]}")
    kept = {name: value for name, value in labels.items() if not name.startswith(META_PREFIX)}
    kept.setdefault("instance", address)
    valid = is_label_name if config.legacy_names else is_utf8_name
    for name, value in kept.items():
        if not valid(name):
            raise ScrapeError(f'invalid label name "{name}"')
        if not is_utf8_name(value):
            raise ScrapeError(f'invalid value of label "{name}"')
    public = Labels({name: value for name, value in kept.items() if not name.startswith(PRIVATE_PREFIX)})
    histograms = Histograms(
        native=_switch(kept, NATIVE_HISTOGRAMS, config.scrape_native_histograms),
        classic=_switch(kept, CLASSIC_HISTOGRAMS, config.always_scrape_classic_histograms),
        convert=_switch(kept, CONVERT_HISTOGRAMS, config.convert_classic_histograms_to_nhcb),
    )
    url = _url(kept, config)
    return ScrapeTarget(Labels(kept), public, url, interval, timeout, histograms, kept.get(UNIX_SOCKET, ""))


def _switch(labels: Mapping[str, str], name: str, default: bool | None) -> bool:
    text = labels.get(name, "")
    if not text:
        return bool(default)
    if text not in _BOOLEANS:
        raise ScrapeError(f'the label {name} wants a boolean, not "{text}"')
    return _BOOLEANS[text]


def _duration(labels: Labels, name: str, what: str) -> int:
    try:
        value = parse_duration(labels.get(name, ""))
    except ValueError as e:
        raise ScrapeError(f"error parsing scrape {what}: {e}") from None
    if value == 0:
        raise ScrapeError(f"scrape {what} cannot be 0")
    return value


def _url(labels: Mapping[str, str], config: ScrapeConfig) -> str:
    query = {name: list(values) for name, values in config.params.items()}
    for name, value in labels.items():
        if name.startswith(PARAMETER_PREFIX):
            parameter = name.removeprefix(PARAMETER_PREFIX)
            query[parameter] = [value, *query.get(parameter, [])[1:]]
    path = labels.get(PATH, "")
    pairs = [(name, value) for name in sorted(query) for value in query[name]]
    try:
        url = URL.build(
            scheme=labels.get(SCHEME, ""),
            authority=labels[ADDRESS],
            path=path if path.startswith("/") or not path else f"/{path}",
            query=pairs or None,
        )
        port = url.explicit_port
    except ValueError as e:
        raise ScrapeError(f'the target "{labels[ADDRESS]}" makes no valid URL: {e}') from None
    if url.scheme not in ("http", "https") or not url.host or port == 0:
        raise ScrapeError(f'the target makes no http or https URL: "{url}"')
    return str(url)
