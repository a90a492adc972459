"""Acceptance, wording of errors and formatting of expressions, held against Debian's Prometheus (2.42)."""

from __future__ import annotations

import json
import random
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.client import HTTPConnection

import pytest

from generators.promql_text import Features, PromQLText
from narthex.errors import PromQLError
from narthex.model.number import format_float
from narthex.promql.syntax import parse_expr, prettify
from support.api_server import prometheus_server

CORPUS = 400
BROKEN = 400


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HTTPConnection]:
    folder = tmp_path_factory.mktemp("peer")
    (folder / "prometheus.yml").write_text("global: {}\n")
    with prometheus_server(folder / "prometheus.yml", folder / "data") as server:
        connection = HTTPConnection("127.0.0.1", server.ready().port, timeout=20)
        yield connection
        connection.close()


def ask(peer: HTTPConnection, text: str) -> tuple[str | None, str | None]:
    """The peer's formatted text, or its error."""
    body = urllib.parse.urlencode({"query": text})
    peer.request("POST", "/api/v1/format_query", body, {"Content-Type": "application/x-www-form-urlencoded"})
    answer = json.loads(peer.getresponse().read())
    if answer["status"] == "success":
        return answer["data"], None
    return None, answer["error"].removeprefix('invalid parameter "query": ')


def ours(text: str) -> tuple[str | None, str | None]:
    try:
        return prettify(parse_expr(text)), None
    except PromQLError as e:
        return None, str(e)


def as_today(formatted: str) -> str:
    """The peer's text in today's notation: since 3.0 numbers print without exponent."""
    return re.sub(r"(?<![\w.\"])\d+(?:\.\d+)?e[+-]\d+", lambda m: format_float(float(m[0])), formatted)


def test_formatting_of_well_formed_expressions_is_the_same(peer: HTTPConnection) -> None:
    features = Features(modern=False, experimental=False)
    different = []
    for seed in range(CORPUS):
        text = PromQLText(random.Random(seed), features).expression()
        theirs, error = ask(peer, text)
        mine, my_error = ours(text)
        if theirs is None or mine is None:
            different.append((text, error, my_error))
        elif _loose(as_today(theirs)) != _loose(mine):
            different.append((text, theirs, mine))
    assert not different, f"{len(different)} of {CORPUS}, first: {different[0]}"


def _loose(formatted: str) -> str:
    """Without line breaks, which fall elsewhere when a number prints longer, and without what a version changed."""
    text = re.sub(r"\s+", "", formatted)
    text = text.replace("+Inf^", "Inf^")  # 2.42 prints a sign that would be read as that of the whole power
    text = re.sub(r"ignoring\(\)group_(?:left|right)\([^)]*\)", "", text)  # 2.42 forgets to print it
    return re.sub(r"\{[^{}]*\}", lambda m: "{" + ",".join(sorted(m[0][1:-1].split(","))) + "}", text)


# Where 3.14 accepts or refuses what 2.42 does not, with the reason. The first pattern that is found decides.
SINCE_2_42 = [
    (r"[\d.](?:ms|[smhdwy])\b", "durations are numbers, numbers are durations"),
    (r"\[\s*[\d.(+-]", "durations may be numbers and expressions"),
    (r"(?i)offset\s*[-+]?\s*[\d.(]", "offsets may be numbers and expressions"),
    (r"\d_\d", "digits may be grouped with underscores"),
    (r"[\"'`]\s*[,})]", "quoted names"),
    (r"[{,(]\s*[\"'`]", "quoted names"),
    (r"(?i)\b(step|range|fill|fill_left|fill_right|min_of|max_of|smoothed|anchored)\b", "new keywords"),
    (r"[<>]/", "trimming operators"),
]


def test_broken_expressions_are_refused_alike(peer: HTTPConnection) -> None:
    features = Features(modern=False, experimental=False)
    different, agreed, same_words = [], 0, 0
    for seed in range(BROKEN):
        rng = random.Random(seed + 1_000_000)
        text = damage(PromQLText(rng, features).expression(2), rng)
        theirs, error = ask(peer, text)
        mine, my_error = ours(text)
        if (theirs is None) == (mine is None):
            agreed += 1
            same_words += error == my_error
        elif not any(re.search(pattern, text) for pattern, _ in SINCE_2_42):
            different.append((text, error, my_error))
    assert not different, f"{len(different)} of {BROKEN}, first: {different[0]}"
    assert agreed > 0.9 * BROKEN
    assert same_words > 0.85 * agreed


INSERTIONS = ("(", ")", "}", "]", ",", " foo ", "5", '"', "$", " by ", "[5m]", "+ ", "=", "!")


def damage(text: str, rng: random.Random) -> str:
    """One small mistake: something left out, doubled, or put in."""
    at = rng.randrange(len(text))
    change = rng.randrange(3)
    if change == 0:
        return text[:at] + text[at + rng.randint(1, 3) :]
    if change == 1:
        return text[:at] + text[at : at + 2] + text[at:]
    return (
        text[:at]
        + rng.choice(["(", ")", "}", "]", ",", " foo ", "5", '"', "$", " by ", "[5m]", "+ ", "=", "!"])
        + text[at:]
    )
