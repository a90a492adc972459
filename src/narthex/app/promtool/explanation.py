"""`promql explain`: what each part of a query took in a server, as a table."""

from __future__ import annotations

from dataclasses import dataclass

from narthex.app.promtool.api import ask
from narthex.app.promtool.reporting import fallible
from narthex.config.http_client import HTTPClientConfig
from narthex.errors import QueryError
from narthex.net.client import HTTPClient
from narthex.promql.result import Explained
from narthex.tasks.loop import run_loop


@dataclass(frozen=True)
class Question:
    """A query at one time, or from `start` to `end` when there is a `step`; milliseconds. None stands for now."""

    query: str
    end: int | None = None
    start: int | None = None
    step: int | None = None

    def form(self) -> dict[str, str | float]:
        form: dict[str, str | float] = {"query": self.query, "explain": "1", "stats": "true"}
        if self.step is None:
            return form if self.end is None else {**form, "time": self.end / 1000}
        if self.start is None or self.end is None:
            raise QueryError("a query with a step needs --start and --end")
        return {**form, "start": self.start / 1000, "end": self.end / 1000, "step": self.step / 1000}


@fallible
def explain_query(url: str, question: Question) -> None:
    run_loop(_explain(url, question))


async def _explain(url: str, question: Question) -> None:
    form = question.form()
    async with HTTPClient(HTTPClientConfig()) as client:
        data = await ask(client, url, "query" if question.step is None else "query_range", form, "query")
    if "explain" not in data:
        raise QueryError(f"{url} does not explain queries: it is another program, or an older version")
    for line in Explained.of_fields(data["explain"]).lines():
        print(line)
    timings, samples = data["stats"]["timings"], data["stats"]["samples"]
    print(
        f"\n{timings['execTotalTime'] * 1000:.3f} ms in all, {timings['queryPreparationTime'] * 1000:.3f} ms of them to"
        f" prepare, {timings['execQueueTime'] * 1000:.3f} ms waiting; {samples['peakSamples']:,} samples at the peak"
    )
