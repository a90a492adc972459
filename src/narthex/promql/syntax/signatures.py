"""Names, argument types and result types of all PromQL functions. What they compute is the engine's business."""

from __future__ import annotations

from dataclasses import dataclass

from narthex.promql.syntax.types import ValueType

_TYPES = {"V": ValueType.VECTOR, "M": ValueType.MATRIX, "S": ValueType.SCALAR, "s": ValueType.STRING}


@dataclass(frozen=True, slots=True)
class Signature:
    """`variadic` is 0 for a fixed number of arguments, -1 for any number of the last kind (which may be absent), and
    n > 0 when the last kind is optional and may be given up to n times more than `len(args) - 1`."""

    name: str
    args: tuple[ValueType, ...]
    returns: ValueType
    variadic: int = 0
    experimental: bool = False

    @property
    def min_args(self) -> int:
        return len(self.args) - (1 if self.variadic else 0)

    @property
    def max_args(self) -> int | None:
        """None when there is no limit."""
        if self.variadic < 0:
            return None
        return self.min_args + self.variadic if self.variadic else len(self.args)

    def arg_type(self, index: int) -> ValueType:
        return self.args[min(index, len(self.args) - 1)]


def _table() -> dict[str, Signature]:
    table: dict[str, Signature] = {}
    for kinds, names in _FIXED.items():
        arguments, result = kinds.split(">")
        for name in names.split():
            table[name] = _signature(name, arguments, result)
    for name, arguments, result, variadic in _VARIADIC:
        table[name] = _signature(name, arguments, result, variadic)
    return table


def _signature(name: str, arguments: str, result: str, variadic: int = 0) -> Signature:
    kinds = tuple(_TYPES[a] for a in arguments)
    return Signature(name, kinds, _TYPES[result], variadic, name in _EXPERIMENTAL)


_FIXED = {
    "V>V": (
        "abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_avg histogram_count"
        " histogram_stddev histogram_stdvar histogram_sum ln log10 log2 rad sgn sin sinh sort sort_desc sqrt"
        " start_timestamp tan tanh timestamp"
    ),
    "M>V": (
        "absent_over_time avg_over_time changes count_over_time delta deriv first_over_time idelta increase irate"
        " last_over_time mad_over_time max_over_time min_over_time present_over_time rate resets stddev_over_time"
        " stdvar_over_time sum_over_time ts_of_first_over_time ts_of_last_over_time ts_of_max_over_time"
        " ts_of_min_over_time"
    ),
    "VSS>V": "clamp",
    "VS>V": "clamp_max clamp_min",
    "MSS>V": "double_exponential_smoothing",
    "MS>V": "predict_linear",
    "SM>V": "quantile_over_time",
    "SV>V": "histogram_quantile",
    "SSV>V": "histogram_fraction",
    "Vssss>V": "label_replace",
    "V>S": "scalar",
    "S>V": "vector",
    ">S": "end pi range start step time",
    "SS>S": "max_of min_of",
}
_VARIADIC = (
    ("days_in_month", "V", "V", 1),
    ("day_of_month", "V", "V", 1),
    ("day_of_week", "V", "V", 1),
    ("day_of_year", "V", "V", 1),
    ("hour", "V", "V", 1),
    ("minute", "V", "V", 1),
    ("month", "V", "V", 1),
    ("year", "V", "V", 1),
    ("round", "VS", "V", 1),
    ("info", "VV", "V", 1),
    ("histogram_quantiles", "VsSS", "V", 9),
    ("label_join", "Vsss", "V", -1),
    ("sort_by_label", "Vs", "V", -1),
    ("sort_by_label_desc", "Vs", "V", -1),
)
_EXPERIMENTAL = frozenset(
    {
        "double_exponential_smoothing",
        "end",
        "histogram_quantiles",
        "info",
        "mad_over_time",
        "max_of",
        "min_of",
        "range",
        "sort_by_label",
        "sort_by_label_desc",
        "start",
        "start_timestamp",
        "step",
        "ts_of_first_over_time",
        "ts_of_last_over_time",
        "ts_of_max_over_time",
        "ts_of_min_over_time",
    }
)

FUNCTIONS: dict[str, Signature] = _table()
"""All functions by name, experimental ones included."""
