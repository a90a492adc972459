"""Relabelling as plainly as it can be written: one label after another, Python's `re`, no caches.

Labels that a rule sets stand behind the untouched ones, in the order in which they were first set.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field


@dataclass
class Builder:
    base: dict[str, str]
    added: dict[str, str] = field(default_factory=dict)
    deleted: set[str] = field(default_factory=set)

    def get(self, name: str) -> str:
        if name in self.added:
            return self.added[name]
        return "" if name in self.deleted else self.base.get(name, "")

    def put(self, name: str, value: str) -> None:
        if value == "":
            self.added.pop(name, None)
            self.deleted.add(name)
        else:
            self.added[name] = value

    def all(self) -> list[tuple[str, str]]:
        kept = [(n, v) for n, v in sorted(self.base.items()) if n not in self.deleted and n not in self.added]
        return kept + list(self.added.items())


def expand(template: str, match: re.Match[str]) -> str:
    def group(found: re.Match[str]) -> str:
        name = found[1] or found[2] or ""
        if found[0] == "$$":
            return "$"
        if not name:
            return found[0]
        if name.isdigit() and (name == "0" or name[0] != "0"):
            return (match.group(int(name)) or "") if int(name) <= len(match.groups()) else ""
        return match.groupdict().get(name) or ""

    return re.sub(r"\$\$|\$\{(\w+)\}|\$(\w+)|\$", group, template)


def relabel(labels: dict[str, str], rules: list[dict[str, object]]) -> dict[str, str] | None:
    """`rules` are dictionaries with the keys of a relabel_config; None when the set is dropped."""
    builder = Builder({n: v for n, v in labels.items() if v})
    for rule in rules:
        if not _one(builder, rule):
            return None
    return dict(sorted(builder.all()))


def _one(b: Builder, rule: dict[str, object]) -> bool:
    action = rule.get("action", "replace")
    source = rule.get("source_labels", ())
    text = str(rule.get("separator", ";")).join(b.get(n) for n in source)
    regex = re.compile(f"(?s:{rule.get('regex', '(.*)')})")
    target, replacement = str(rule.get("target_label", "")), str(rule.get("replacement", "$1"))
    if action == "keep":
        return regex.fullmatch(text) is not None
    if action == "drop":
        return regex.fullmatch(text) is None
    if action == "keepequal":
        return b.get(target) == text
    if action == "dropequal":
        return b.get(target) != text
    if action == "replace":
        match = regex.fullmatch(text)
        if match is not None and expand(target, match):
            b.put(expand(target, match), expand(replacement, match))
    elif action == "hashmod":
        number = int.from_bytes(hashlib.md5(text.encode()).digest()[8:], "big")
        b.put(target, str(number % int(str(rule["modulus"]))))
    elif action == "lowercase":
        b.put(target, text.lower())
    elif action == "uppercase":
        b.put(target, text.upper())
    else:
        for name, value in b.all():
            match = regex.fullmatch(name)
            if action == "labelmap" and match is not None:
                b.put(expand(replacement, match), value)
            if (action == "labeldrop") == (match is not None) and action != "labelmap":
                b.put(name, "")
    return True
