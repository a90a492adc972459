"""Random PromQL text that is well-formed and well-typed, from a source of randomness that the caller owns."""

from __future__ import annotations

import random
from dataclasses import dataclass

from narthex.promql.syntax.signatures import FUNCTIONS, Signature
from narthex.promql.syntax.types import ValueType

_METRICS = ("foo", "http_requests_total", "vllm:tokens", "up", "sum", "by", "offset", "and", "end", "_x", "node_load1")
_LABELS = ("job", "instance", "le", "by", "group_left", "and", "sum", "Code")
_VALUES = ("", "api", "5..", "a|b", "x y", 'quo"te', "back\\\\slash", "new\nline", "ünï", "𝛑")
_NUMBERS = ("0", "1", "2.5", ".5", "5.", "1e3", "1E-2", "0x1F", "017", "Inf", "NaN", "inf", "nan", "1e100", "00")
_DURATIONS = ("1ms", "5s", "1m", "1h30m", "2d", "1w", "1y", "90s")
_SEPARATORS = ("", "", " ", "  ", "\n", "\t", " # comment\n")
_AGGREGATORS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
_ARITHMETIC = ("+", "-", "*", "/", "%", "^", "atan2")
_COMPARISON = ("==", "!=", "<", ">", "<=", ">=")


@dataclass(frozen=True)
class Features:
    """Which parts of the language may occur; everything is on by default."""

    modern: bool = True  # what Prometheus gained since 2.42
    experimental: bool = True


class PromQLText:
    """One generator; `depth` bounds the nesting."""

    def __init__(self, rng: random.Random, features: Features | None = None) -> None:
        self.rng = rng
        self.features = features or Features()
        self.functions = [f for f in FUNCTIONS.values() if self._available(f)]

    def _available(self, func: Signature) -> bool:
        if func.name in ("info", "first_over_time", "histogram_quantiles"):
            return self.features.modern and func.name != "info"
        old = func.name not in _SINCE_2_42
        return (old or self.features.modern) and (self.features.experimental or not func.experimental)

    def pick(self, *options: str) -> str:
        return self.rng.choice(options)

    def gap(self) -> str:
        return self.pick(*_SEPARATORS)

    def expression(self, depth: int = 4) -> str:
        """Any expression that may stand alone."""
        kind = self.rng.choice((ValueType.VECTOR,) * 6 + (ValueType.SCALAR, ValueType.SCALAR, ValueType.MATRIX))
        if self.rng.random() < 0.02:
            return self.string()
        return self.of_type(kind, depth)

    def of_type(self, kind: ValueType, depth: int) -> str:
        match kind:
            case ValueType.VECTOR:
                return self.vector(depth)
            case ValueType.MATRIX:
                return self.matrix(depth)
            case ValueType.STRING:
                return self.string()
            case _:
                return self.scalar(depth)

    def string(self) -> str:
        value = self.pick(*_VALUES)
        if "`" not in value and self.rng.random() < 0.3:
            return f"`{value}`"
        mark = self.pick('"', "'")
        escaped = value.replace("\\", "\\\\").replace(mark, "\\" + mark).replace("\n", "\\n")
        return f"{mark}{escaped}{mark}"

    def number(self) -> str:
        if self.features.modern and self.rng.random() < 0.2:
            return self.pick("1_000", "1h", "5m30s", "100ms")
        return self.pick(*_NUMBERS)

    def scalar(self, depth: int) -> str:
        if depth <= 0:
            return self.number()
        choice = self.rng.randrange(6)
        if choice == 0:
            return self.number()
        if choice == 1:
            return self.pick("-", "+") + self.gap() + self.scalar(depth - 1)
        if choice == 2:
            return f"({self.gap()}{self.scalar(depth - 1)}{self.gap()})"
        if choice == 3:
            return self.call(ValueType.SCALAR, depth)
        if choice == 4:
            return f"{self.scalar(depth - 1)} {self.pick(*_COMPARISON)} bool {self.scalar(depth - 1)}"
        return f"{self.scalar(depth - 1)} {self.pick(*_ARITHMETIC)} {self.scalar(depth - 1)}"

    def vector(self, depth: int) -> str:
        if depth <= 0:
            return self.selector() + self.modifiers()
        choice = self.rng.randrange(9)
        if choice <= 1:
            return self.selector() + self.modifiers()
        if choice == 2:
            return self.pick("-", "+") + self.gap() + self.vector(depth - 1)
        if choice == 3:
            return f"({self.gap()}{self.vector(depth - 1)}{self.gap()})"
        if choice <= 5:
            return self.call(ValueType.VECTOR, depth)
        return self.aggregate(depth) if choice == 6 else self.binary(depth)

    def binary(self, depth: int) -> str:
        if self.rng.random() < 0.3:
            op = self.pick(*_ARITHMETIC)
            left, right = self.vector(depth - 1), self.vector(depth - 1)
            return f"{left} {op} {right}"
        if self.rng.random() < 0.3:
            sides = [self.operand(depth - 1), f"({self.scalar(depth - 1)})"]
            self.rng.shuffle(sides)
            return f"{sides[0]} {self.pick(*_ARITHMETIC, *_COMPARISON)} {sides[1]}"
        if self.rng.random() < 0.3:
            left, right, clause = self.operand(depth - 1), self.operand(depth - 1), self.matching(False)
            return f"{left} {self.pick('and', 'or', 'unless', 'AND')} {clause}{right}"
        left, right = self.operand(depth - 1), self.operand(depth - 1)
        op = self.pick(*_ARITHMETIC, *(f"{c} {self.pick('', 'bool ')}" for c in _COMPARISON))
        return f"{left} {op} {self.matching(True)}{right}"

    def operand(self, depth: int) -> str:
        """A vector that no operator beside it can take apart."""
        choice = self.rng.randrange(3 if depth > 0 else 1)
        if choice == 0:
            return self.selector() + self.modifiers()
        return self.call(ValueType.VECTOR, depth) if choice == 1 else self.aggregate(depth)

    def matching(self, groups: bool) -> str:
        if self.rng.random() < 0.5:
            return ""
        clause = f"{self.pick('on', 'ignoring')}{self.gap()}({self.label_list(('job', 'instance'))})"
        if groups and self.rng.random() < 0.5:
            include = self.pick("", f"({self.label_list(('team', 'zone'))})", "()")
            clause += f" {self.pick('group_left', 'group_right')} {include}"
        if groups and self.features.modern and self.features.experimental and self.rng.random() < 0.3:
            clause += self.pick(" fill(0)", " fill_left(-1.5)", " fill_right (Inf) fill_left(2)", " fill(1e30)")
        # A parenthesis behind would be read as the list of group_left.
        return clause + (" +" if clause.rstrip().endswith(("left", "right")) else " ")

    def label_list(self, names: tuple[str, ...]) -> str:
        chosen = self.rng.sample(names, self.rng.randrange(len(names) + 1))
        if self.features.modern and "team" not in names and self.rng.random() < 0.2:
            chosen.append('"utf8.näme"')
        return ", ".join(chosen) + ("," if chosen and self.rng.random() < 0.2 else "")

    def aggregate(self, depth: int) -> str:
        op = self.pick(*_AGGREGATORS, "topk", "bottomk", "quantile", "count_values")
        if self.features.experimental and self.features.modern and self.rng.random() < 0.2:
            op = self.pick("limitk", "limit_ratio")
        param = ""
        if op in ("topk", "bottomk", "quantile", "limitk", "limit_ratio"):
            param = self.scalar(depth - 1) + ", "
        elif op == "count_values":
            param = self.string() + ", "
        body = f"{self.gap()}({self.gap()}{param}{self.vector(depth - 1)})"
        if self.rng.random() < 0.4:
            return op + body
        clause = f"{self.pick('by', 'without', 'BY')}{self.gap()}({self.label_list(_LABELS)})"
        return f"{op} {clause}{body}" if self.rng.random() < 0.5 else f"{op}{body} {clause}"

    def call(self, result: ValueType, depth: int) -> str:
        func = self.rng.choice([f for f in self.functions if f.returns is result])
        most = func.max_args if func.max_args is not None else func.min_args + 3
        count = self.rng.randint(func.min_args, most)
        args = [self.of_type(func.arg_type(i), depth - 1) for i in range(count)]
        return f"{func.name}({self.gap()}{f',{self.gap()}'.join(args)})"

    def selector(self) -> str:
        name = self.pick(*_METRICS)
        if self.rng.random() < 0.5:
            return name
        if self.features.modern and self.rng.random() < 0.2:
            return '{"utf8.metric"' + self.pick("", ', "a.b"="c"', ",") + "}"
        if self.rng.random() < 0.2:
            return '{job="must", ' + self.matchers() + "}"
        return f"{name}{self.gap()}{{{self.gap()}{self.matchers()}}}"

    def matchers(self) -> str:
        out = []
        for _ in range(self.rng.randrange(3)):
            op = self.pick("=", "!=", "=~", "!~")
            value = self.string() if op in ("=", "!=") else self.pick('"a|b"', "'.*'", '"5.."', "`\\d+`", '""')
            out.append(f"{self.pick(*_LABELS)}{self.gap()}{op}{self.gap()}{value}")
        return ", ".join(out) + ("," if out and self.rng.random() < 0.2 else "")

    def matrix(self, depth: int) -> str:
        extended = ""
        if self.features.modern and self.features.experimental and self.rng.random() < 0.15:
            extended = self.pick(" anchored", " smoothed")
        if depth <= 0 or self.rng.random() < 0.6:
            return f"{self.selector()}[{self.duration()}]{extended}{self.modifiers()}"
        inner = f"({self.vector(depth - 1)})" if self.rng.random() < 0.6 else self.call(ValueType.VECTOR, depth - 1)
        step = self.pick("", "1m", self.duration())
        return f"{inner}[{self.duration()}:{self.gap()}{step}]{self.modifiers()}"

    def modifiers(self) -> str:
        out = []
        if self.rng.random() < 0.2:
            # What follows a parenthesis would be read as part of the offset.
            out.append(f" offset {self.offset()}")
        if self.rng.random() < 0.15:
            out.append(f" @ {self.pick('1609746000', '-5', '1.5', 'start()', 'end()', '+3e2')}")
        self.rng.shuffle(out)
        return "".join(out)

    def offset(self) -> str:
        plain = self.pick("", "-") + self.pick(*_DURATIONS)
        if not self.features.modern or self.rng.random() < 0.6:
            return plain
        return self.pick("300", "-1.5", "step()", "-range()", f"-({self.duration_expr(2)})")

    def duration(self) -> str:
        if not self.features.modern or self.rng.random() < 0.7:
            return self.pick(*_DURATIONS)
        return self.pick("300", "0.5", self.duration_expr(2) + " + 1s")

    def duration_expr(self, depth: int) -> str:
        if depth <= 0:
            return self.pick(*_DURATIONS, "30", "1.5", "step()", "range()")
        choice = self.rng.randrange(5)
        if choice == 0:
            return f"({self.duration_expr(depth - 1)})"
        if choice == 1:
            return self.pick("-", "+") + self.duration_expr(depth - 1)
        if choice == 2:
            return f"{self.pick('min_of', 'max_of')}({self.duration_expr(depth - 1)}, {self.duration_expr(depth - 1)})"
        return (
            f"{self.duration_expr(depth - 1)} {self.pick('+', '-', '*', '/', '%', '^')} {self.duration_expr(depth - 1)}"
        )


_SINCE_2_42 = {name for name, f in FUNCTIONS.items() if f.experimental} | {
    *("first_over_time", "histogram_avg", "histogram_stddev", "histogram_stdvar"),
}
