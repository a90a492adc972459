"""/rules and /alerts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from narthex.errors import RequestError
from narthex.model.labels import quote
from narthex.model.matcher import Matcher
from narthex.rules.views import AlertView, GroupView, RuleView
from narthex.web.context import Context, need
from narthex.web.parameters import Parameters, bad_parameter, rfc3339
from narthex.web.reply import Reply, json_reply

_KINDS = {"": ("alerting", "recording"), "alert": ("alerting",), "record": ("recording",)}


async def rules(context: Context, parameters: Parameters) -> Reply:
    kind = parameters.text("type").lower()
    if kind not in _KINDS:
        raise bad_parameter("type", f"not supported value {quote(kind)}")
    exclude_alerts = parameters.flag("exclude_alerts")
    names, groups, files = (set(parameters.texts(f"{what}[]")) for what in ("rule_name", "rule_group", "file"))
    selectors = parameters.selectors("match[]", need(context.language, "the parser").selector)
    limit, token = _page(parameters)
    out: list[dict[str, Any]] = []
    found = not token
    for group in need(context.rules, "rule evaluation").groups():
        if (groups and group.name not in groups) or (files and group.file not in files):
            continue
        if not found:
            found = group_token(group) == token
            if not found:
                continue
        chosen = [
            rule
            for rule in group.rules
            if rule.kind in _KINDS[kind] and (not names or rule.name in names) and _matches(rule, selectors)
        ]
        if not chosen and (kind or names or selectors):
            continue
        if limit and len(out) == limit:
            return json_reply({"groups": out, "groupNextToken": group_token(group)})
        out.append(_group(group, [_rule(rule, exclude_alerts) for rule in chosen]))
    if not found:
        raise RequestError("bad_data", f"invalid group_next_token '{token}'. were rule groups changed?")
    return json_reply({"groups": out})


async def alerts(context: Context, parameters: Parameters) -> Reply:
    groups = need(context.rules, "rule evaluation").groups()
    return json_reply({"alerts": [_alert(a) for group in groups for rule in group.rules for a in rule.alerts]})


def group_token(group: GroupView) -> str:
    """Names a group in a page token."""
    return hashlib.sha256(f"{group.file};{group.name}".encode()).hexdigest()


def exponent_form(value: float) -> str:
    """A float as alerts show it: shortest digits, always with an exponent of two digits or more (1e+00)."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    text = "".join(map(str, digits))
    exponent = int(exponent) + len(text) - 1
    text = text.rstrip("0") or "0"
    fraction = f".{text[1:]}" if len(text) > 1 else ""
    return f"{'-' if sign else ''}{text[0]}{fraction}e{exponent if value else 0:+03d}"


def _page(parameters: Parameters) -> tuple[int, str]:
    token, text = parameters.text("group_next_token"), parameters.text("group_limit")
    if not text:
        if token:
            raise RequestError("bad_data", "group_limit needs to be set in order to paginate over the groups")
        return 0, ""
    try:
        limit = int(text)
    except ValueError:
        raise bad_parameter("group_limit", f"{quote(text)} is not a number") from None
    if limit <= 0:
        raise bad_parameter("group_limit", "group_limit must be positive")
    return limit, token


def _matches(rule: RuleView, selectors: Sequence[Sequence[Matcher]]) -> bool:
    if not selectors:
        return True
    return any(all(m.matches(rule.labels.get(m.name, "")) for m in matchers) for matchers in selectors)


def _group(group: GroupView, shown: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "name": group.name,
        "file": group.file,
        "rules": shown,
        "interval": group.interval,
        "limit": group.limit,
        "evaluationTime": group.evaluation_time,
        "lastEvaluation": rfc3339(group.last_evaluation),
    }


def _rule(rule: RuleView, exclude_alerts: bool) -> dict[str, Any]:
    common: dict[str, Any] = {"health": rule.health}
    if rule.last_error:
        common["lastError"] = rule.last_error
    common["evaluationTime"] = rule.evaluation_time
    common["lastEvaluation"] = rfc3339(rule.last_evaluation)
    common["type"] = rule.kind
    if rule.kind == "recording":
        labels = {"labels": dict(rule.labels)} if rule.labels else {}
        return {"name": rule.name, "query": rule.query, **labels, **common}
    return {
        "state": rule.state,
        "name": rule.name,
        "query": rule.query,
        "duration": rule.duration,
        "keepFiringFor": rule.keep_firing_for,
        "labels": dict(rule.labels),
        "annotations": dict(rule.annotations),
        "alerts": [] if exclude_alerts else [_alert(alert) for alert in rule.alerts],
        **common,
    }


def _alert(alert: AlertView) -> dict[str, Any]:
    out: dict[str, Any] = {
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "state": alert.state,
    }
    if alert.active_at is not None:
        out["activeAt"] = rfc3339(alert.active_at)
    if alert.keep_firing_since is not None:
        out["keepFiringSince"] = rfc3339(alert.keep_firing_since)
    out["value"] = exponent_form(alert.value)
    return out
