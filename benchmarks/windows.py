"""How the cost of window functions grows with steps, windows and series: milliseconds of the engine alone.

    python -m benchmarks.windows [BLOCKS] [-n 3] [--only TEXT]

A day of 200 series, one sample in 15 s. Each function is asked with windows of an hour at 60 s and at 15 s steps (four
times the steps), with windows of 15 minutes (a quarter of the samples in each), and for one series in eight. Work that
grows with steps x window x series would give ratios of 4, 4 and 8. The values are summed at each step, so that the text
of an answer, which does grow with the steps, is no part of it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.fleet import END
from benchmarks.queries import DAY, Ours, made_blocks, timed

from narthex.promql.functions.over_time import RANGE_FUNCTIONS

_ARGUMENTS = {
    "quantile_over_time": "0.95, {}",
    "predict_linear": "{}, 60",
    "double_exponential_smoothing": "{}, 0.3, 0.3",
}


_OF_COUNTERS = ("rate", "increase", "irate", "resets")


def expression(function: str, window: str, matchers: str = "") -> str:
    metric = "llm_requests_total" if function in _OF_COUNTERS else "llm_queue_length"
    argument = f"{metric}{matchers}[{window}]"
    return f"sum({function}({_ARGUMENTS.get(function, '{}').format(argument)}))"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("blocks", type=Path, nargs="?")
    parser.add_argument("-n", type=int, default=3, help="least number of runs of a query")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="functions whose name contains this")
    options = parser.parse_args()
    ours = Ours(options.blocks or made_blocks(), options.threads, END // 1000)
    print(f"{'':32}{'1h at 60s':>12}{'at 15s':>12}{'15m at 15s':>12}{'1/8 series':>12}   steps window series")
    for function in RANGE_FUNCTIONS:
        if options.only not in function:
            continue
        few = '{model="llama-3-8b",endpoint="/v1/completions"}'
        wide, dense, short, part = (
            timed(lambda step=step, text=text: ours.ask(("", DAY, step, text)), options.n)[0]
            for step, text in (
                (60, expression(function, "1h")),
                (15, expression(function, "1h")),
                (15, expression(function, "15m")),
                (15, expression(function, "1h", few)),
            )
        )
        times = "".join(f"{ms:9.1f} ms" for ms in (wide, dense, short, part))
        print(f"{function:32}{times}   {dense / wide:5.2f} {dense / short:6.2f} {dense / part:6.2f}", flush=True)


if __name__ == "__main__":
    main()
