"""What a gateway in front of the model exposes under engine-neutral names (`llm_*`), by model and endpoint."""

from __future__ import annotations

from narthex.instrument import Registry
from narthex.llm.simulator.engine import Engine, Observer
from narthex.llm.simulator.profile import Profile
from narthex.llm.simulator.workload import ENDPOINTS, Request

DURATION_BUCKETS = (0.1, 0.25, 0.5, 1, 2, 5, 10, 20, 30, 60, 120)
TTFT_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)
QUEUE_BUCKETS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 30, 60)
TOKEN_BUCKETS = (16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16_384)
ERROR_CODE = "500"


class ServiceMetrics(Observer):
    """All series exist from the start, so that a first error is an increase and not a new series."""

    def __init__(self, registry: Registry, profile: Profile) -> None:
        model = profile.model
        by_endpoint, by_model = ("model", "endpoint"), ("model",)
        counter, gauge, histogram = registry.counter, registry.gauge, registry.histogram
        requests = counter("llm_requests_total", "Requests that ended, failed ones included.", by_endpoint)
        self._requests = {e: requests.labels(model, e) for e in ENDPOINTS}
        duration = histogram(
            "llm_request_duration_seconds", "From arrival to the last token.", by_endpoint, DURATION_BUCKETS
        )
        self._duration = {e: duration.labels(model, e) for e in ENDPOINTS}
        errors = counter("llm_request_errors_total", "Requests that failed in the server.", (*by_endpoint, "code"))
        self._errors = {e: errors.labels(model, e, ERROR_CODE) for e in ENDPOINTS}
        aborted = counter("llm_requests_aborted_total", "Requests whose client left.", by_endpoint)
        self._aborted = {e: aborted.labels(model, e) for e in ENDPOINTS}
        self._tokens = counter("llm_tokens_generated_total", "Tokens generated.", by_model).labels(model)
        self._hits = counter("llm_cache_hits_total", "Prompt tokens found in the cache.", by_model).labels(model)
        self._misses = counter("llm_cache_misses_total", "Prompt tokens computed.", by_model).labels(model)
        old = "Older name of llm_cache_{}_total; a ratio of these never moves, take the rates of the counters."
        self._old_hits = gauge("llm_cache_hits", old.format("hits"), by_model).labels(model)
        self._old_misses = gauge("llm_cache_misses", old.format("misses"), by_model).labels(model)
        self._queue_length = gauge("llm_request_queue_length", "Requests that wait.", by_model).labels(model)
        self._running = gauge("llm_requests_running", "Requests being worked on.", by_model).labels(model)
        self._kv_usage = gauge("llm_kv_cache_usage_ratio", "Share of the KV cache taken, 0 to 1.", by_model).labels(
            model
        )
        self._preemptions = counter("llm_preemptions_total", "Sequences thrown out of the KV cache.", by_model).labels(
            model
        )
        gauge("llm_context_length_tokens", "Longest prompt and output together.", by_model).labels(model).set(
            profile.context_tokens
        )
        self._queue_time = histogram(
            "llm_request_queue_time_seconds", "Time a request waited.", by_model, QUEUE_BUCKETS
        ).labels(model)
        self._ttft = histogram(
            "llm_time_to_first_token_seconds", "From arrival to the first token.", by_model, TTFT_BUCKETS
        ).labels(model)
        self._output = histogram("llm_output_tokens", "Tokens generated per request.", by_model, TOKEN_BUCKETS).labels(
            model
        )
        self._input = histogram("llm_input_tokens", "Prompt tokens per request.", by_model, TOKEN_BUCKETS).labels(model)

    def collect(self, engine: Engine) -> None:
        """Brings gauges up to date, before an exposition."""
        self._queue_length.set(len(engine.waiting))
        self._running.set(len(engine.running))
        self._kv_usage.set(engine.kv_usage)
        self._old_hits.set(self._hits.read())
        self._old_misses.set(self._misses.read())

    def scheduled(self, request: Request) -> None:
        assert request.scheduled is not None
        self._queue_time.observe(request.scheduled - request.arrived)
        self._hits.inc(request.cached)
        self._misses.inc(request.prompt - request.cached)
        self._input.observe(request.prompt)

    def first_token(self, request: Request, now: float) -> None:
        self._ttft.observe(now - request.arrived)
        self._tokens.inc()

    def next_token(self, request: Request, gap: float) -> None:
        self._tokens.inc()

    def preempted(self, request: Request) -> None:
        self._preemptions.inc()

    def finished(self, request: Request) -> None:
        assert request.finished is not None
        self._requests[request.endpoint].inc()
        self._duration[request.endpoint].observe(request.finished - request.arrived)
        if request.reason == "error":
            self._errors[request.endpoint].inc()
        elif request.reason == "abort":
            self._aborted[request.endpoint].inc()
        if request.generated:
            self._output.observe(request.generated)
