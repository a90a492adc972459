"""What vLLM (v1 engine) exposes: its names, types, labels and bucket edges."""

from __future__ import annotations

from narthex.instrument import Registry
from narthex.instrument.registry import Histogram
from narthex.llm.simulator.engine import Engine, Observer
from narthex.llm.simulator.profile import BLOCK_TOKENS, Profile
from narthex.llm.simulator.workload import Request

TTFT_BUCKETS = (
    *(0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160, 640),
    2560,
)
ITL_BUCKETS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80)
LATENCY_BUCKETS = (0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960, 1920, 7680)
ITERATION_BUCKETS = (1, *(2**n for n in range(3, 15)))
FINISH_REASONS = ("stop", "length", "abort", "error", "repetition")
HTTP_BUCKETS = (0.1, 0.5, 1)
ENGINE = "0"  # the data-parallel rank


def token_buckets(longest: int) -> tuple[int, ...]:
    """1, 2, 5, 10, 20, 50 ... up to the longest sequence."""
    edges = [mantissa * 10**exponent for exponent in range(9) for mantissa in (1, 2, 5)]
    return tuple(e for e in edges if e <= longest)


class VllmMetrics(Observer):
    """Counts what the engine does, as the real server does."""

    def __init__(self, registry: Registry, profile: Profile) -> None:
        self._profile = profile
        self._registry = registry
        self._model = profile.model
        self._gauges()
        self._counters()
        self._latencies()
        self._sizes()
        self._http = registry.counter(
            "http_requests_total", "Requests by method, status and handler.", ("handler", "method", "status")
        )
        self._http_duration = registry.histogram(
            "http_request_duration_seconds", "Latency of requests.", ("handler", "method"), HTTP_BUCKETS
        )

    def _gauges(self) -> None:
        labels = ("model_name", "engine")
        gauge = self._registry.gauge
        own = (self._model, ENGINE)
        self._running = gauge("vllm:num_requests_running", "Requests in model execution batches.", labels).labels(*own)
        self._waiting = gauge("vllm:num_requests_waiting", "Requests waiting to be processed.", labels).labels(*own)
        by_reason = gauge("vllm:num_requests_waiting_by_reason", "Waiting requests by reason.", (*labels, "reason"))
        self._waiting_capacity = by_reason.labels(*own, "capacity")
        by_reason.labels(*own, "deferred")
        self._kv_usage = gauge("vllm:kv_cache_usage_perc", "KV-cache usage; 1 is 100 percent.", labels).labels(*own)
        sleep = gauge("vllm:engine_sleep_state", "Sleep state of the engine.", (*labels, "sleep_state"))
        sleep.labels(*own, "awake").set(1)
        for state in ("weights_offloaded", "discard_all"):
            sleep.labels(*own, state)
        gauge(
            "vllm:cache_config_info",
            "Configuration of the cache.",
            ("engine", "block_size", "num_gpu_blocks", "gpu_memory_utilization", "enable_prefix_caching"),
        ).labels(ENGINE, str(BLOCK_TOKENS), str(self._profile.kv_blocks), "0.92", "True").set(1)

    def _counters(self) -> None:
        labels, own = ("model_name", "engine"), (self._model, ENGINE)

        def one(name: str, help: str) -> object:
            return self._registry.counter(name, help, labels).labels(*own)

        counter = self._registry.counter
        self._preemptions = counter("vllm:num_preemptions_total", "Preemptions.", labels).labels(*own)
        self._prompt = counter("vllm:prompt_tokens_total", "Prefill tokens processed.", labels).labels(*own)
        self._generation = counter("vllm:generation_tokens_total", "Generation tokens.", labels).labels(*own)
        self._cache_queries = counter(
            "vllm:prefix_cache_queries_total", "Prefix cache queries, in tokens.", labels
        ).labels(*own)
        self._cache_hits = counter("vllm:prefix_cache_hits_total", "Prefix cache hits, in tokens.", labels).labels(*own)
        self._cached = counter("vllm:prompt_tokens_cached_total", "Prompt tokens not computed.", labels).labels(*own)
        source = counter("vllm:prompt_tokens_by_source_total", "Prompt tokens by source.", (*labels, "source"))
        self._computed_source = source.labels(*own, "local_compute")
        self._cached_source = source.labels(*own, "local_cache_hit")
        source.labels(*own, "external_kv_transfer")
        success = counter("vllm:request_success_total", "Finished requests.", (*labels, "finished_reason"))
        self._finished = {reason: success.labels(*own, reason) for reason in FINISH_REASONS}
        for name in ("external_prefix_cache_queries_total", "external_prefix_cache_hits_total"):
            one(f"vllm:{name}", "External prefix cache, in tokens.")
        for name in ("mm_cache_queries_total", "mm_cache_hits_total"):
            one(f"vllm:{name}", "Multi-modal cache, in items.")

    def _histogram(self, name: str, help: str, buckets: tuple[float, ...]) -> Histogram:
        return self._registry.histogram(f"vllm:{name}", help, ("model_name", "engine"), buckets)

    def _latencies(self) -> None:
        own = (self._model, ENGINE)
        self._ttft = self._histogram("time_to_first_token_seconds", "Time to first token.", TTFT_BUCKETS).labels(*own)
        self._itl = self._histogram("inter_token_latency_seconds", "Time between tokens.", ITL_BUCKETS).labels(*own)
        self._per_token = self._histogram(
            "request_time_per_output_token_seconds", "Time per output token of a request.", ITL_BUCKETS
        ).labels(*own)

        def latency(name: str, help: str) -> Histogram:
            return self._histogram(name, help, LATENCY_BUCKETS)

        self._e2e = latency("e2e_request_latency_seconds", "End-to-end latency.").labels(*own)
        self._queue = latency("request_queue_time_seconds", "Time in the WAITING phase.").labels(*own)
        self._inference = latency("request_inference_time_seconds", "Time in the RUNNING phase.").labels(*own)
        self._prefill = latency("request_prefill_time_seconds", "Time in the PREFILL phase.").labels(*own)
        self._decode = latency("request_decode_time_seconds", "Time in the DECODE phase.").labels(*own)

    def _sizes(self) -> None:
        own = (self._model, ENGINE)
        tokens = token_buckets(self._profile.context_tokens)

        def size(name: str, help: str) -> Histogram:
            return self._histogram(name, help, tokens)

        self._prompt_size = size("request_prompt_tokens", "Prefill tokens of a request.").labels(*own)
        self._generation_size = size("request_generation_tokens", "Generation tokens of a request.").labels(*own)
        self._max_generation = size("request_max_num_generation_tokens", "Maximum requested tokens.").labels(*own)
        self._max_tokens = size("request_params_max_tokens", "The max_tokens parameter.").labels(*own)
        self._kv_computed = size("request_prefill_kv_computed_tokens", "Prompt tokens computed.").labels(*own)
        self._iteration = self._histogram("iteration_tokens_total", "Tokens per step.", ITERATION_BUCKETS).labels(*own)
        self._n = self._histogram("request_params_n", "The n parameter.", (1, 2, 5, 10, 20)).labels(*own)
        self._times_preempted = self._histogram(
            "request_num_preemptions", "Preemptions of a request.", (1, 2, 3, 4, 5, 10, 20)
        ).labels(*own)

    def collect(self, engine: Engine) -> None:
        """Brings gauges up to date, before an exposition."""
        self._running.set(len(engine.running))
        self._waiting.set(len(engine.waiting))
        self._waiting_capacity.set(len(engine.waiting))
        self._kv_usage.set(engine.kv_usage)

    # -- what happens

    def scheduled(self, request: Request) -> None:
        self._cache_queries.inc(request.prompt)
        self._cache_hits.inc(request.cached)

    def first_token(self, request: Request, now: float) -> None:
        self._ttft.observe(now - request.arrived)
        self._prompt.inc(request.prompt)
        self._cached.inc(request.cached)
        self._cached_source.inc(request.cached)
        self._computed_source.inc(request.prompt - request.cached)
        self._generation.inc()

    def next_token(self, request: Request, gap: float) -> None:
        self._itl.observe(gap)
        self._generation.inc()

    def preempted(self, request: Request) -> None:
        self._preemptions.inc()

    def iteration(self, prefill: int, decode: int, seconds: float) -> None:
        self._iteration.observe(prefill + decode)

    def finished(self, request: Request) -> None:
        assert request.finished is not None
        self._finished[request.reason].inc()
        status = {"error": "5xx", "abort": "4xx"}.get(request.reason, "2xx")
        self._http.labels(request.endpoint, "POST", status).inc()
        self._http_duration.labels(request.endpoint, "POST").observe(request.finished - request.arrived)
        if request.first_token is None or request.scheduled is None or request.last_token is None:
            return
        decode = request.last_token - request.first_token
        self._e2e.observe(request.finished - request.arrived)
        self._queue.observe(request.scheduled - request.arrived)
        self._inference.observe(request.last_token - request.scheduled)
        self._prefill.observe(request.first_token - request.scheduled)
        self._decode.observe(decode)
        self._per_token.observe(decode / (request.generated - 1) if request.generated > 1 else 0.0)
        self._prompt_size.observe(request.prompt)
        self._generation_size.observe(request.generated)
        self._max_generation.observe(request.limit)
        self._max_tokens.observe(request.limit)
        self._kv_computed.observe(request.prompt - request.cached)
        self._n.observe(1)
        self._times_preempted.observe(request.preemptions)
