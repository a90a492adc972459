"""/targets, /targets/metadata, /metadata, /scrape_pools, /scrape_pools/config and /alertmanagers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit, urlunsplit

from narthex.errors import NarthexError, RequestError
from narthex.model.duration import format_duration
from narthex.web.context import Context, WebSettings, need
from narthex.web.parameters import Parameters, bad_parameter, rfc3339
from narthex.web.reply import Reply, json_list, json_reply, to_json
from narthex.web.sources import DroppedTargetView, MetricMetadata, TargetView

AT_ONCE = 50  # targets of an answer that is made without a thread: about a millisecond's work
_LOCAL = ("127.0.0.1", "localhost", "::1")


async def targets(context: Context, parameters: Parameters) -> Reply:
    source = need(context.targets, "scraping")
    state, pool = parameters.text("state").lower(), parameters.text("scrapePool")
    active = [t for t in source.active() if pool in ("", t.pool)] if state in ("", "any", "active") else []
    dropped = [t for t in source.dropped() if pool in ("", t.pool)] if state in ("", "any", "dropped") else []
    counts = {name: count for name, count in source.dropped_counts().items() if pool in ("", name)}

    def pieces() -> Iterator[bytes]:
        yield b'{"activeTargets":'
        yield from json_list(_active(context.settings, target) for target in active)
        yield b',"droppedTargets":'
        yield from json_list(_dropped(target) for target in dropped)
        yield b',"droppedTargetCounts":' + to_json(counts) + b"}"

    return Reply(list(pieces()) if len(active) + len(dropped) <= AT_ONCE else pieces())


async def target_metadata(context: Context, parameters: Parameters) -> Reply:
    limit = parameters.number("limit", -1)
    matchers = None
    if text := parameters.text("match_target"):
        try:
            matchers = need(context.language, "the parser").selector(text)
        except NarthexError as e:
            raise bad_parameter("match_target", str(e)) from None
    metric = parameters.text("metric")
    out: list[dict[str, object]] = []
    for target in need(context.targets, "scraping").active():
        if 0 <= limit <= len(out):
            break
        if matchers is not None and not all(m.matches(target.labels.get(m.name, "")) for m in matchers):
            continue
        for entry in target.metadata():
            if metric in ("", entry.metric):
                named = {} if metric else {"metric": entry.metric}
                out.append({"target": dict(target.labels), **named, **_metadata(entry)})
    return json_reply(out[:limit] if limit >= 0 else out)


async def metadata(context: Context, parameters: Parameters) -> Reply:
    limit, per_metric = parameters.number("limit", -1), parameters.number("limit_per_metric", -1)
    metric = parameters.text("metric")
    out: dict[str, dict[MetricMetadata, None]] = {}
    for target in need(context.targets, "scraping").active():
        for entry in target.metadata():
            if metric not in ("", entry.metric):
                continue
            if entry.metric not in out and 0 <= limit <= len(out):
                continue
            known = out.setdefault(entry.metric, {})
            if per_metric <= 0 or len(known) < per_metric:
                known[entry] = None
    return json_reply({name: [_metadata(entry) for entry in entries] for name, entries in out.items()})


async def scrape_pools(context: Context, parameters: Parameters) -> Reply:
    return json_reply({"scrapePools": sorted(need(context.targets, "scraping").pools())})


async def scrape_pool_config(context: Context, parameters: Parameters) -> Reply:
    pool = parameters.text("scrapePool")
    if pool == "":
        raise RequestError("bad_data", "no scrapePool parameter provided")
    if pool not in context.pool_yaml:
        raise RequestError("not_found", f"scrape pool {pool!r} not found")
    return json_reply({"yaml": context.pool_yaml[pool]})


async def alertmanagers(context: Context, parameters: Parameters) -> Reply:
    source = need(context.alertmanagers, "the notifier")
    return json_reply(
        {
            "activeAlertmanagers": [{"url": url} for url in source.active()],
            "droppedAlertmanagers": [{"url": url} for url in source.dropped()],
        }
    )


def global_url(url: str, settings: WebSettings) -> str:
    """The URL under which others reach a target: for a target on this host, the host of the external URL."""
    parts = urlsplit(url)
    try:
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return url
    if host not in _LOCAL:
        return url
    outside = urlsplit(settings.external_url)
    if port == settings.listen_port:
        return urlunsplit((outside.scheme, outside.netloc, *parts[2:]))
    name = outside.hostname or host
    name = f"[{name}]" if ":" in name else name
    return urlunsplit((parts.scheme, f"{name}:{port}" if port else name, *parts[2:]))


def _dropped(target: DroppedTargetView) -> dict[str, object]:
    return {"discoveredLabels": dict(target.discovered_labels.items()), "scrapePool": target.pool}


def _active(settings: WebSettings, target: TargetView) -> dict[str, object]:
    return {
        "discoveredLabels": dict(target.discovered_labels.items()),  # of a mapping itself: a Python call a label
        "labels": dict(target.labels.items()),
        "scrapePool": target.pool,
        "scrapeUrl": target.url,
        "globalUrl": global_url(target.url, settings),
        "lastError": target.last_error,
        "lastScrape": rfc3339(target.last_scrape),
        "lastScrapeDuration": target.last_duration,
        "health": target.health,
        "scrapeInterval": format_duration(target.interval),
        "scrapeTimeout": format_duration(target.timeout),
    }


def _metadata(entry: MetricMetadata) -> Mapping[str, str]:
    return {"type": entry.type, "help": entry.help, "unit": entry.unit}
