"""Random queries over the metrics of `data`: everything of the language of 2.42 that floats know, in any nesting.

What means something else in 3.14 is avoided where it can be said without it: subqueries have ranges that do not end on
a multiple of their step, so that the step at the left edge, which 2.42 includes, does not exist.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from differential.promql_fuzz.data import END, HOUR, METRICS, MINUTE, START, selected
from differential.promql_fuzz.precision import Unstable, precision
from narthex.errors import PromQLError
from narthex.promql.functions.elementwise import CALENDAR
from narthex.promql.syntax import ParserOptions, parse_expr

DEPTH = 5
_ATTEMPTS = 8
_NUMBERS = ("0", "1", "2", "3", "-1", "0.5", "10", "100", "2.5", "0.1", "1e3", "0x1F", "Inf", "-Inf", "NaN")
_FACTORS = ("0", "0.25", "0.5", "0.9", "0.913", "1", "-1", "2", "NaN")
_RANGES = ("30s", "1m", "2m", "3m30s", "5m", "7m", "15m", "1h", "90m")
_ODD = ("1ms", "250ms", "500ms", "999ms")
_STEPS = ("", "15s", "30s", "1m", "90s", "5m", "7s")
_OFFSETS = ("10s", "1m", "5m", "17m", "1h", "-1m", "-30s", "-20m")
_MATCHERS = {
    "a": ('="1"', '="2"', '!="3"', '=~"1|2"', '!~"1.*"', '=~".+"', '=~"[12]"', '!=""', '=""'),
    "b": ('="x"', '!="x"', '=~"y."', '=~"y1|x"', '!~".*1"', '=~"x|"'),
    "c": ('="red"', '=""', '!=""', '=~"r.d|blue"', '!~"b.*"'),
    "le": ('="+Inf"', '!="1"', '=~"0.*"'),
}
_NAMES = ('"G|K"', '"C.*"', '"one|G"', '"[GS]"', '"K|nothing"')
_LABELS = ("a", "b", "c", "le")
_ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
_COMPARISON = ("==", "!=", "<", ">", "<=", ">=")
_AGGREGATORS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
_ELEMENTWISE = [
    "abs",
    "ceil",
    "floor",
    "exp",
    "ln",
    "log2",
    "log10",
    "sqrt",
    "sgn",
    "sin",
    "cos",
    "tan",
    "asin",
    "acos",
    "atan",
    "sinh",
    "cosh",
    "tanh",
    "asinh",
    "acosh",
    "atanh",
    "deg",
    "rad",
    "round",
    "sort",
    "sort_desc",
    "timestamp",
    "absent",
    *sorted(CALENDAR),
]
_WINDOWS = ("rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv")
_OVER_TIME = ("avg", "sum", "min", "max", "count", "stddev", "stdvar", "last", "present", "absent")
_REPLACEMENTS = ('"c", "$1-x", "a", "(.*)"', '"b", "", "a", "1"', '"d", "${1}", "b", "(y)(.)"',
                 '"a", "same", "b", ".*"', '"c", "none", "nothing", ""', '"d", "$2", "b", "(.)(.*)"')  # fmt: skip
_JOINS = ('"d", "-", "a", "b"', '"b", "", "c"', '"a", "/"', '"d", ", ", "a", "c", "nothing"')
_OPTIONS = ParserOptions.everything()


@dataclass(frozen=True)
class Query:
    """`expr` names functions as 3.14 does. Times in milliseconds; `step` 0 is an instant query at `start`."""

    expr: str
    start: int
    end: int
    step: int

    def __str__(self) -> str:
        if self.step == 0:
            return f"{self.expr}\n  at {self.start / 1000}"
        return f"{self.expr}\n  from {self.start / 1000} to {self.end / 1000} step {self.step / 1000}"


def random_query(rnd: random.Random, depth: int = DEPTH) -> Query:
    """A well-formed and well-typed query over the last hours of the data and a little beyond its ends."""
    range_query = rnd.random() < 0.6
    expr = Queries(rnd).expression(rnd.randint(1, depth), range_query)
    start = START + rnd.randrange(-10 * MINUTE, END - START + 20 * MINUTE) // 1000 * 1000
    if not range_query:
        return Query(expr, start, start, 0)
    step = rnd.choice((1, 7, 15, 30, 60, 60, 60, 61, 300, 1800)) * 1000
    steps = rnd.choice((0, 1, 10, 60, 120))
    return Query(expr, start, min(start + steps * step + rnd.choice((0, 500)), END + HOUR), step)


class Queries:
    """A source of expressions."""

    def __init__(self, rnd: random.Random) -> None:
        self.rnd = rnd

    def expression(self, depth: int, range_query: bool) -> str:
        chance = self.rnd.random()
        if chance < 0.05:
            return self.scalar(depth)
        if chance < 0.08 and not range_query:
            return self.stable(lambda: self.matrix(depth), "G[5m]")
        if chance < 0.085 and not range_query:
            return '"text"'
        return self.vector(depth)

    def pick(self, *options: str) -> str:
        return self.rnd.choice(options)

    def chance(self, probability: float) -> bool:
        return self.rnd.random() < probability

    def stable(self, make: Callable[[], str], otherwise: str) -> str:
        """What `make` gives, if rounding cannot turn its value around."""
        for _ in range(_ATTEMPTS):
            text = make()
            try:
                precision(parse_expr(text, _OPTIONS), selected)
            except (Unstable, PromQLError):
                continue
            return text
        return otherwise

    def vector(self, depth: int) -> str:
        if depth <= 0:
            return self.selector()
        kinds: tuple[Callable[[int], str], ...] = (
            self.plain, self.plain, self.sign, self.with_scalar, self.with_scalar, self.between, self.between,
            self.many, self.set_operator, self.aggregation, self.aggregation, self.with_parameter, self.elementwise,
            self.labels, self.with_arguments, self.window, self.window, self.window, self.over_time,
            self.over_time, self.quantile, self.made_of_scalar,
        )  # fmt: skip
        return self.stable(lambda: self.rnd.choice(kinds)(depth - 1), self.selector())

    def plain(self, _: int) -> str:
        return self.selector()

    def operand(self, depth: int) -> str:
        """A vector that no operator beside it takes apart, and nothing of it: mostly in parentheses."""
        text = self.vector(depth)
        return text if self.chance(0.2) else f"({text})"

    def sign(self, depth: int) -> str:
        return self.pick("-", "-", "+") + self.operand(depth)

    def comparison(self) -> str:
        return self.pick(*_COMPARISON) + self.pick("", "", " bool")

    def operator(self) -> str:
        return self.pick(*_ARITHMETIC) if self.chance(0.6) else self.comparison()

    def with_scalar(self, depth: int) -> str:
        sides = [self.operand(depth), f"({self.scalar(depth)})" if self.chance(0.5) else self.pick(*_NUMBERS)]
        self.rnd.shuffle(sides)
        return self.combined(sides[0], "", sides[1])

    def combined(self, left: str, matching: str, right: str) -> str:
        """Both sides around an operator."""
        operator = self.operator()
        if operator == "atan2":  # 2.42 leaves the name on
            left, right = f"(({left}) + 0)", f"(({right}) + 0)"
        return f"{left} {operator}{matching} {right}"

    def grouping(self) -> str:
        return ", ".join(self.rnd.sample(_LABELS, self.rnd.randrange(3)))

    def matching(self) -> str:
        return self.pick("", f" on ({self.grouping()})", f" ignoring ({self.grouping()})")

    def between(self, depth: int) -> str:
        return self.combined(self.operand(depth), self.matching(), self.operand(depth))

    def many(self, depth: int) -> str:
        """Many to one, with a one side that mostly is one."""
        label = self.pick("a", "b")
        one = f"{self.pick('max', 'sum', 'count')} by ({label}{self.pick('', ', c')}) ({self.vector(depth)})"
        sides = [self.operand(depth), f"({one})"]
        how = self.pick("group_left", "group_left", "group_right")
        if how == "group_right":
            sides.reverse()
        include = self.pick("", " ()", " (c)", " (d)")
        key = self.pick(f"on ({label})", f"on ({label})", "ignoring (b, c)", "ignoring (b, le)")
        return self.combined(sides[0], f" {key} {how}{include}", sides[1])

    def set_operator(self, depth: int) -> str:
        return f"{self.operand(depth)} {self.pick('and', 'or', 'unless')}{self.matching()} {self.operand(depth)}"

    def clause(self, head: str, body: str) -> str:
        if self.chance(0.3):
            return f"{head} ({body})"
        clause = f"{self.pick('by', 'without')} ({self.grouping()})"
        return f"{head} {clause} ({body})" if self.chance(0.5) else f"{head} ({body}) {clause}"

    def aggregation(self, depth: int) -> str:
        return self.clause(self.pick(*_AGGREGATORS), self.vector(depth))

    def with_parameter(self, depth: int) -> str:
        head = self.pick("topk", "bottomk", "quantile", "count_values")
        if head == "count_values":
            return self.clause(
                head, f"{self.pick(chr(34) + 'v' + chr(34), chr(34) + 'a' + chr(34))}, {self.vector(depth)}"
            )
        if self.chance(0.15):
            return self.clause(head, f"{self.scalar(depth)}, {self.vector(depth)}")
        number = self.pick(*_FACTORS) if head == "quantile" else self.pick("0", "1", "2", "3", "5", "-1", "1.9", "100")
        return self.clause(head, f"{number}, {self.vector(depth)}")

    def elementwise(self, depth: int) -> str:
        return f"{self.pick(*_ELEMENTWISE)}({self.vector(depth)})"

    def labels(self, depth: int) -> str:
        if self.chance(0.5):
            return f"label_replace({self.vector(depth)}, {self.pick(*_REPLACEMENTS)})"
        return f"label_join({self.vector(depth)}, {self.pick(*_JOINS)})"

    def with_arguments(self, depth: int) -> str:
        inner = self.vector(depth)
        name = self.pick("clamp", "clamp_min", "clamp_max", "round", "histogram_quantile", "histogram_quantile")
        if name == "clamp":
            return f"clamp({inner}, {self.small(depth)}, {self.small(depth)})"
        if name != "histogram_quantile":
            return f"{name}({inner}, {self.small(depth)})"
        buckets = self.pick("B_bucket", f"B_bucket offset {self.pick(*_OFFSETS)}", "sum by (le) (B_bucket)", inner)
        if self.chance(0.4):
            buckets = f"{self.pick('rate', 'increase', 'delta')}(B_bucket[{self.pick(*_RANGES)}])"
        return f"histogram_quantile({self.pick(*_FACTORS)}, {buckets})"

    def small(self, depth: int) -> str:
        return self.scalar(depth - 1) if self.chance(0.2) else self.pick(*_NUMBERS)

    def window(self, depth: int) -> str:
        return f"{self.pick(*_WINDOWS)}({self.matrix(depth)})"

    def over_time(self, depth: int) -> str:
        return f"{self.pick(*_OVER_TIME)}_over_time({self.matrix(depth)})"

    def quantile(self, depth: int) -> str:
        """Range functions with parameters."""
        name = self.pick("quantile_over_time", "predict_linear", "double_exponential_smoothing")
        if name == "quantile_over_time":
            return f"{name}({self.pick(*_FACTORS)}, {self.matrix(depth)})"
        if name == "predict_linear":
            return f"{name}({self.matrix(depth)}, {self.pick('0', '60', '3600', '-600')})"
        return f"{name}({self.matrix(depth)}, {self.pick('0.1', '0.5', '0.9')}, {self.pick('0.1', '0.5', '0.99', '1')})"

    def made_of_scalar(self, depth: int) -> str:
        return self.pick(f"vector({self.scalar(depth)})", "hour()", "day_of_week()", "month()", "minute()", "year()")

    def matrix(self, depth: int) -> str:
        if depth <= 0 or self.chance(0.6):
            return f"{self.bare_selector()}[{self.pick(*_RANGES)}]{self.modifiers(halves=True)}"
        inner = self.vector(depth - 1)
        inner = inner if inner.endswith((")", "}")) and inner[0].islower() and self.chance(0.5) else f"({inner})"
        return (
            f"{inner}[{self.pick(*_RANGES[1:6])}{self.pick(*_ODD)}:{self.pick(*_STEPS)}]{self.modifiers(halves=False)}"
        )

    def bare_selector(self) -> str:
        if self.chance(0.06):
            return f"{{__name__=~{self.pick(*_NAMES)}{', ' + self.matcher('a') if self.chance(0.3) else ''}}}"
        if self.chance(0.02):
            return "nothing" + self.pick("", '{a="1"}', '{a="1", b=~"x.*", c!="q"}')
        metric = METRICS[self.pick(*METRICS, "G", "K", "C_total")]
        matchers = ", ".join(self.matcher(name) for name in metric.labels if self.chance(0.25))
        return f"{metric.name}{{{matchers}}}" if matchers else metric.name

    def matcher(self, label: str) -> str:
        return label + self.pick(*_MATCHERS[label])

    def selector(self) -> str:
        return self.bare_selector() + self.modifiers(halves=True)

    def modifiers(self, *, halves: bool) -> str:
        """`halves`: times may be between two seconds."""
        out = []
        if self.chance(0.15):
            out.append(f" offset {self.pick(*_OFFSETS)}")
        if self.chance(0.12):
            when = (END - self.rnd.randrange(4 * HOUR)) // 1000
            fixed = f"{when}.5" if halves and self.chance(0.3) else str(when)
            out.append(f" @ {self.pick(fixed, 'start()', 'end()')}")
        self.rnd.shuffle(out)
        return "".join(out)

    def scalar(self, depth: int) -> str:
        if depth <= 0:
            return self.pick(*_NUMBERS)
        return self.stable(lambda: self._scalar(depth - 1), "1")

    def _scalar(self, depth: int) -> str:
        choice = self.rnd.randrange(7)
        if choice == 0:
            return self.pick(*_NUMBERS)
        if choice == 1:
            return self.pick("time()", "pi()")
        if choice <= 3:
            return f"scalar({self.vector(depth)})"
        if choice == 4:
            return f"{self.pick('-', '+')}({self.scalar(depth)})"
        if choice == 5:
            return f"({self.scalar(depth)}) {self.pick(*_ARITHMETIC)} ({self.scalar(depth)})"
        return f"({self.scalar(depth)}) {self.pick(*_COMPARISON)} bool ({self.scalar(depth)})"
