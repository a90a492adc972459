"""Alertmanager's configuration file: strict models, and the route tree and rules that they mean.

Receiver types and keys that are known to Alertmanager but not available here are refused with a message that says so:
a notification that silently goes nowhere would be worse than a server that does not start.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from narthex.alertmanager.inhibit import InhibitRule
from narthex.alertmanager.matchers import format_matchers, parse_matchers
from narthex.alertmanager.route import Route
from narthex.config.http_client import HTTPClientConfig
from narthex.config.scalars import Bool, FilePath, Free, Milliseconds, Scalar, Secret, Text, Unsigned, Url
from narthex.config.strict import Section, load, read, wrong
from narthex.errors import MatcherError
from narthex.model.labels import is_label_name, is_utf8_name
from narthex.model.matcher import Matcher, MatchType

PLANNED_RECEIVERS = (
    *("discord", "email", "incidentio", "jira", "mattermost", "msteams", "msteamsv2", "opsgenie", "pagerduty"),
    *("pushover", "rocketchat", "slack", "sns", "telegram", "victorops", "webex", "wechat"),
)

_MINUTE = 60_000


class WebhookConfig(Section):
    send_resolved: Bool = True
    http_config: HTTPClientConfig | None = None
    url: Secret = Secret("")
    url_file: FilePath = ""
    max_alerts: Unsigned = 0
    timeout: Milliseconds = 0

    @model_validator(mode="after")
    def _check(self) -> WebhookConfig:
        if bool(self.url) == bool(self.url_file):
            raise wrong("exactly one of url and url_file must be set", "url")
        if self.url and Url(self.url.reveal()).scheme not in ("http", "https"):
            raise wrong("must be an http or https URL", "url")
        return self


class ReceiverConfig(Section):
    name: Text
    labels: dict[str, Text] = Field(default_factory=dict)
    webhook_configs: list[WebhookConfig] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _planned(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key in value:
                if key.removesuffix("_configs") in PLANNED_RECEIVERS:
                    kind = key.removesuffix("_configs")
                    raise wrong(f"{kind} receivers are not available yet; webhook_configs are", key)
        return value

    @model_validator(mode="after")
    def _check(self) -> ReceiverConfig:
        if not self.name:
            raise wrong("a receiver needs a name", "name")
        if self.labels.get("name", self.name) != self.name:
            raise wrong("the label name is the receiver's name and cannot differ", "labels", "name")
        return self


def _pattern(value: Any) -> Any:
    if isinstance(value, Scalar) and value.tag == "null":
        raise ValueError('a regular expression is required (write "" to match the empty value)')
    return value


Patterns = dict[str, Annotated[Text, BeforeValidator(_pattern)]]


class RouteConfig(Section):
    ALWAYS = frozenset(("continue_",))

    receiver: Text = ""
    group_by: list[Text] | None = None
    match: dict[str, Text] = Field(default_factory=dict)
    match_re: Patterns = Field(default_factory=dict)
    matchers: list[Text] = Field(default_factory=list)
    continue_: Bool = Field(default=False, alias="continue")
    group_wait: Milliseconds | None = None
    group_interval: Milliseconds | None = None
    repeat_interval: Milliseconds | None = None
    routes: list[RouteConfig] = Field(default_factory=list)

    @model_validator(mode="before")
    @classmethod
    def _planned(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for key in ("mute_time_intervals", "active_time_intervals", "labels"):
                if value.get(key):
                    raise wrong(f"{key} of a route is not available yet", key)
            return {
                k: v for k, v in value.items() if k not in ("mute_time_intervals", "active_time_intervals", "labels")
            }
        return value

    @model_validator(mode="after")
    def _check(self) -> RouteConfig:
        for key in ("group_interval", "repeat_interval"):
            if getattr(self, key) == 0:
                raise wrong("must be more than 0", key)
        by = self.group_by or []
        if "..." in by and len(by) > 1:
            raise wrong('"..." means all labels and cannot be mixed with others', "group_by")
        if len(set(by)) != len(by):
            raise wrong("a label is named twice", "group_by")
        for i, name in enumerate(by):
            if name != "..." and not is_utf8_name(name):
                raise wrong(f'"{name}" is not a label name', "group_by", i)
        _matchers(self.match, self.match_re, self.matchers, "")
        return self


class InhibitRuleConfig(Section):
    name: Text = ""
    source_match: dict[str, Text] = Field(default_factory=dict)
    source_match_re: Patterns = Field(default_factory=dict)
    source_matchers: list[Text] = Field(default_factory=list)
    target_match: dict[str, Text] = Field(default_factory=dict)
    target_match_re: Patterns = Field(default_factory=dict)
    target_matchers: list[Text] = Field(default_factory=list)
    equal: list[Text] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> InhibitRuleConfig:
        self.rule()
        return self

    def rule(self) -> InhibitRule:
        source = _matchers(self.source_match, self.source_match_re, self.source_matchers, "source_")
        target = _matchers(self.target_match, self.target_match_re, self.target_matchers, "target_")
        return InhibitRule(tuple(source), tuple(target), tuple(self.equal), self.name)


class GlobalConfig(Section):
    """Defaults of receivers. Keys of receiver types that are not available yet are taken and unused."""

    resolve_timeout: Milliseconds = 5 * _MINUTE
    http_config: HTTPClientConfig = HTTPClientConfig()

    @model_validator(mode="before")
    @classmethod
    def _planned(cls, value: Any) -> Any:
        prefixes = (*(f"{kind}_" for kind in PLANNED_RECEIVERS), "smtp_")
        if isinstance(value, dict):
            return {k: v for k, v in value.items() if not k.startswith(prefixes)}
        return value


class AlertmanagerConfig(Section):
    """The whole file."""

    global_: GlobalConfig = Field(default=GlobalConfig(), alias="global")
    route: RouteConfig
    inhibit_rules: list[InhibitRuleConfig] = Field(default_factory=list)
    receivers: list[ReceiverConfig] = Field(default_factory=list)
    templates: list[FilePath] = Field(default_factory=list)
    time_intervals: list[Free] = Field(default_factory=list)
    mute_time_intervals: list[Free] = Field(default_factory=list)

    @model_validator(mode="after")
    def _check(self) -> AlertmanagerConfig:
        root = self.route
        if not root.receiver:
            raise wrong("the root route needs a receiver", "route", "receiver")
        if root.match or root.match_re or root.matchers:
            raise wrong("the root route must match all alerts and cannot have matchers", "route")
        if root.continue_:
            raise wrong("the root route cannot continue", "route", "continue")
        names: set[str] = set()
        for i, receiver in enumerate(self.receivers):
            if receiver.name in names:
                raise wrong(f'a second receiver is named "{receiver.name}"', "receivers", i, "name")
            names.add(receiver.name)
        _check_receivers(root, names, ("route",))
        return self

    def root(self) -> Route:
        """The route tree with everything inherited filled in."""
        return _route(self.route, None, 0)


def load_config(path: Path) -> AlertmanagerConfig:
    """Reads and checks a file. Raises ConfigError with every mistake found."""
    return parse_config(read(path), str(path))


def parse_config(data: bytes | str, file: str = "alertmanager.yml") -> AlertmanagerConfig:
    return load(AlertmanagerConfig, data, file, {"directory": str(Path(file).parent)})


def _check_receivers(route: RouteConfig, names: set[str], at: tuple[str | int, ...]) -> None:
    if route.receiver and route.receiver not in names:
        raise wrong(f'undefined receiver "{route.receiver}"', *at, "receiver")
    for i, child in enumerate(route.routes):
        _check_receivers(child, names, (*at, "routes", i))


def _matchers(equal: dict[str, str], regex: dict[str, str], texts: list[str], prefix: str) -> list[Matcher]:
    """Raises a located mistake when a name or pattern is wrong."""
    out: list[Matcher] = []
    for key, type_, given in (
        (f"{prefix}match", MatchType.EQUAL, equal),
        (f"{prefix}match_re", MatchType.REGEX, regex),
    ):
        for name, value in given.items():
            if not is_label_name(name):
                raise wrong(f'"{name}" is not a label name', key, name)
            try:
                out.append(Matcher(type_, name, value))
            except MatcherError as e:
                raise wrong(str(e), key, name) from None
    for i, text in enumerate(texts):
        try:
            out += parse_matchers(text)
        except MatcherError as e:
            raise wrong(str(e), f"{prefix}matchers", i) from None
    return out


def _route(config: RouteConfig, parent: Route | None, index: int) -> Route:
    matchers = _matchers(config.match, config.match_re, config.matchers, "")
    key = format_matchers(matchers)
    by = config.group_by
    group_by: frozenset[str] | None
    if by is None:
        group_by = frozenset() if parent is None else parent.group_by
    else:
        group_by = None if by == ["..."] else frozenset(by)
    node = Route(
        receiver=config.receiver or (parent.receiver if parent else ""),
        matchers=tuple(matchers),
        group_by=group_by,
        group_wait=_seconds(config.group_wait, parent.group_wait if parent else 30.0),
        group_interval=_seconds(config.group_interval, parent.group_interval if parent else 300.0),
        repeat_interval=_seconds(config.repeat_interval, parent.repeat_interval if parent else 14_400.0),
        continue_=config.continue_,
        key=key if parent is None else f"{parent.key}/{key}",
        id=key if parent is None else f"{parent.id}/{key}/{index}",
    )
    children = tuple(_route(child, node, i) for i, child in enumerate(config.routes))
    return replace(node, routes=children)


def _seconds(ms: int | None, default: float) -> float:
    return default if ms is None else ms / 1000
