"""API v2: posting and listing alerts, groups, receivers and status. JSON shapes and codes are Alertmanager's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from aiohttp import web

from narthex import __version__
from narthex.alertmanager.alert import Alert
from narthex.alertmanager.dispatch import Dispatcher
from narthex.alertmanager.matchers import parse_matcher
from narthex.alertmanager.metrics import AlertMetrics
from narthex.alertmanager.store import AlertStore
from narthex.clock import Clock
from narthex.errors import MatcherError
from narthex.model.labels import Labels, is_utf8_name
from narthex.model.matcher import Matcher
from narthex.model.regex import Regex
from narthex.model.rfc3339 import format_rfc3339, parse_rfc3339

_JSON = "application/json"


@dataclass(frozen=True)
class State:
    """What a loaded configuration means to the API; replaced as a whole at reload."""

    dispatcher: Dispatcher
    receivers: Sequence[str]
    config_text: str
    resolve_timeout: float
    inhibited_by: Callable[[Labels], str | None]


class _Refused(Exception):
    def __init__(self, status: int, body: Any) -> None:
        super().__init__(str(body))
        self.status, self.body = status, body


class Api:
    """Handlers over the alert store and the current State."""

    def __init__(self, store: AlertStore, state: Callable[[], State], clock: Clock, metrics: AlertMetrics) -> None:
        self._store = store
        self._state = state
        self._clock = clock
        self._metrics = metrics
        self._started = clock.now()

    def routes(self, prefix: str) -> list[web.RouteDef]:
        base = f"{prefix}/api/v2"
        table = [
            web.get(f"{base}/status", self._guard(self.status)),
            web.get(f"{base}/receivers", self._guard(self.receivers)),
            web.get(f"{base}/alerts", self._guard(self.get_alerts)),
            web.post(f"{base}/alerts", self._guard(self.post_alerts)),
            web.get(f"{base}/alerts/groups", self._guard(self.groups)),
        ]
        return [*table, web.route("*", f"{prefix}/api/v1/{{rest:.*}}", _version_one)]

    def _guard(self, handler: Callable[[web.Request], Any]) -> Callable[[web.Request], Any]:
        async def guarded(request: web.Request) -> web.Response:
            try:
                body = await handler(request)
            except _Refused as e:
                return _json(e.body, e.status)
            return web.Response(status=200) if body is None else _json(body)

        return guarded

    async def status(self, request: web.Request) -> Any:
        return {
            "cluster": {"status": "disabled", "peers": []},
            "versionInfo": {
                "version": __version__,
                "revision": "",
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "",
            },
            "config": {"original": self._state().config_text},
            "uptime": format_rfc3339(self._started, milliseconds=True),
        }

    async def receivers(self, request: web.Request) -> Any:
        return [{"name": name} for name in self._state().receivers]

    async def post_alerts(self, request: web.Request) -> None:
        if request.content_type != _JSON:
            raise _Refused(
                415, {"code": 415, "message": f'unsupported media type "{request.content_type}", only allows [{_JSON}]'}
            )
        try:
            posted = orjson.loads(await request.read())
        except orjson.JSONDecodeError as e:
            raise _Refused(400, {"code": 400, "message": f'parsing alerts body from "" failed, because {e}'}) from None
        if not isinstance(posted, list):
            raise _Refused(422, {"code": 602, "message": "alerts in body must be an array"})
        now, good, problems = self._clock.now(), [], []
        for i, item in enumerate(posted):
            try:
                alert = _read_alert(item, i, now, self._state().resolve_timeout)
            except ValueError as e:
                problems.append(str(e))
                self._metrics.invalid.labels("v2").inc()
                continue
            status = "resolved" if alert.resolved_at(now) else "firing"
            self._metrics.received.labels(status, "v2").inc()
            good.append(alert)
        self._store.put(good)
        if problems:
            raise _Refused(400, "; ".join(problems))

    async def get_alerts(self, request: web.Request) -> Any:
        wanted = self._wanted(request)
        receiver = _receiver_filter(request)
        out = []
        for alert in self._store.active():
            routes = self._state().dispatcher.root.match(alert.labels)
            names = [r.receiver for r in routes]
            if receiver is not None and not any(receiver.fullmatch(n) for n in names):
                continue
            shown = self._show(alert, names)
            if wanted(alert, shown):
                out.append(shown)
        return out

    async def groups(self, request: web.Request) -> Any:
        wanted = self._wanted(request)
        receiver = _receiver_filter(request)
        now, out = self._clock.now(), []
        for group in self._state().dispatcher.groups():
            name = group.route.receiver
            if receiver is not None and not receiver.fullmatch(name):
                continue
            live = [a for a in group.snapshot(now) if not a.resolved_at(now)]
            shown = [self._show(self._store.get(a.fingerprint) or a, [name]) for a in live]
            alerts = [s for a, s in zip(live, shown, strict=True) if wanted(a, s)]
            if alerts:
                out.append({"labels": group.labels.as_dict(), "receiver": {"name": name}, "alerts": alerts})
        return out

    def _show(self, alert: Alert, receivers: Iterable[str]) -> dict[str, Any]:
        inhibitor = self._state().inhibited_by(alert.labels)
        return {
            "annotations": alert.annotations.as_dict(),
            "endsAt": format_rfc3339(alert.ends_at, milliseconds=True),
            "fingerprint": alert.fingerprint,
            "receivers": [{"name": n} for n in dict.fromkeys(receivers)],
            "startsAt": format_rfc3339(alert.starts_at, milliseconds=True),
            "status": {
                "inhibitedBy": [inhibitor] if inhibitor else [],
                "mutedBy": [],
                "silencedBy": [],
                "state": "suppressed" if inhibitor else "active",
            },
            "updatedAt": format_rfc3339(alert.updated_at, milliseconds=True),
            "generatorURL": alert.generator_url,
            "labels": alert.labels.as_dict(),
        }

    def _wanted(self, request: web.Request) -> Callable[[Alert, dict[str, Any]], bool]:
        active, inhibited = _flag(request, "active"), _flag(request, "inhibited")
        matchers = _filters(request)

        def wanted(alert: Alert, shown: dict[str, Any]) -> bool:
            suppressed = bool(shown["status"]["inhibitedBy"])
            if suppressed and not inhibited:
                return False
            if not suppressed and not active:
                return False
            return all(m.matches(alert.labels.get(m.name, "")) for m in matchers)

        return wanted


async def _version_one(request: web.Request) -> web.Response:
    body = {"status": "deprecated", "error": "The Alertmanager v1 API was removed. Please use v2."}
    return _json(body, 410)


def _json(body: Any, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store", "Access-Control-Allow-Origin": "*"}
    return web.Response(body=orjson.dumps(body), status=status, content_type=_JSON, headers=headers)


def _flag(request: web.Request, name: str) -> bool:
    text = request.query.get(name, "true").lower()
    if text not in ("true", "false", "1", "0", "t", "f"):
        raise _Refused(422, {"code": 601, "message": f"{name} in query must be of type boolean: {text!r}"})
    return text in ("true", "1", "t")


def _filters(request: web.Request) -> list[Matcher]:
    try:
        return [parse_matcher(text) for text in request.query.getall("filter", [])]
    except MatcherError as e:
        raise _Refused(400, str(e)) from None


def _receiver_filter(request: web.Request) -> Regex | None:
    pattern = request.query.get("receiver", "")
    if not pattern:
        return None
    try:
        return Regex(pattern)
    except MatcherError as e:
        raise _Refused(400, f"failed to parse receiver param: {e}") from None


def _read_alert(item: Any, i: int, now: float, resolve_timeout: float) -> Alert:
    """Raises ValueError naming the element and what is wrong with it."""
    if not isinstance(item, dict):
        raise ValueError(f"alerts.{i} must be an object")
    labels = _string_map(item, "labels", i)
    annotations = _string_map(item, "annotations", i)
    starts = _time(item, "startsAt", i)
    ends = _time(item, "endsAt", i)
    timeout = not ends
    if not starts:
        starts = min(now, ends) if ends else now
    if timeout:
        ends = now + resolve_timeout
    if not labels:
        raise ValueError(f"alerts.{i}: at least one label pair required")
    for name in labels:
        if not is_utf8_name(name):
            raise ValueError(f"alerts.{i}: invalid label set: invalid name {name!r}")
    if ends < starts:
        raise ValueError(f"alerts.{i}: start time must be before end time")
    url = item.get("generatorURL", "")
    if not isinstance(url, str):
        raise ValueError(f"alerts.{i}.generatorURL must be a string")
    return Alert(labels, annotations, starts, ends, now, url, timeout)


def _string_map(item: dict[str, Any], key: str, i: int) -> Labels:
    value = item.get(key) or {}
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        raise ValueError(f"alerts.{i}.{key} must be an object of strings")
    return Labels(value)


def _time(item: dict[str, Any], key: str, i: int) -> float:
    text = item.get(key) or ""
    if not isinstance(text, str):
        raise ValueError(f"alerts.{i}.{key} must be an RFC 3339 time")
    try:
        return parse_rfc3339(text) if text else 0.0
    except ValueError:
        raise ValueError(f"alerts.{i}.{key} must be an RFC 3339 time, got {text!r}") from None
