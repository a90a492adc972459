"""The exposed page says what really happened, in vLLM's and the gateway's names."""

from __future__ import annotations

import bisect

import pytest
from prometheus_client.parser import text_string_to_metric_families

from narthex.llm.simulator import Instance, profile_of
from narthex.llm.simulator.vllm_metrics import ITL_BUCKETS, LATENCY_BUCKETS, TTFT_BUCKETS, token_buckets

SECONDS = 120.0


@pytest.fixture(scope="module")
def simulated() -> Instance:
    i = Instance("llama", profile_of("llama-3-70b"), 6.0, 2)
    i.faults.add("error-storm", 30.0, 20.0)
    i.faults.add("kv-full", 60.0, 30.0)
    i.advance(SECONDS)
    return i


@pytest.fixture(scope="module")
def page(simulated: Instance) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Samples by name, read by the reference parser."""
    out: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(simulated.expose().decode()):
        for sample in family.samples:
            out.setdefault(sample.name, []).append((sample.labels, sample.value))
    return out


def total(page: dict[str, list[tuple[dict[str, str], float]]], name: str, **labels: str) -> float:
    return sum(v for own, v in page[name] if all(own.get(n) == value for n, value in labels.items()))


def buckets(page: dict[str, list[tuple[dict[str, str], float]]], name: str) -> dict[float, float]:
    out: dict[float, float] = {}
    for labels, value in page[f"{name}_bucket"]:
        out[float(labels["le"])] = out.get(float(labels["le"]), 0.0) + value
    return out


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("vllm:time_to_first_token_seconds", "ttft"),
        ("llm_time_to_first_token_seconds", "ttft"),
        ("vllm:inter_token_latency_seconds", "inter_token"),
        ("llm_request_queue_time_seconds", "queue"),
        ("llm_input_tokens", "prompt_tokens"),
    ],
)
def test_bucket_counts_equal_the_raw_observations(
    simulated: Instance, page: dict[str, list[tuple[dict[str, str], float]]], name: str, kind: str
) -> None:
    raw = sorted(simulated.truth.series[kind].values)
    for edge, count in buckets(page, name).items():
        assert count == bisect.bisect_right(raw, edge), edge
    assert total(page, f"{name}_count") == len(raw)
    assert total(page, f"{name}_sum") == pytest.approx(sum(raw))


def test_counters_agree_with_the_truth_and_with_each_other(
    simulated: Instance, page: dict[str, list[tuple[dict[str, str], float]]]
) -> None:
    report = simulated.report()
    finished = report["requests"]["finished"]
    for reason, count in finished.items():
        assert total(page, "vllm:request_success_total", finished_reason=reason) == count
    assert total(page, "llm_requests_total") == sum(finished.values())
    assert total(page, "llm_request_errors_total") == finished["error"] > 0
    assert total(page, "llm_requests_aborted_total") == finished.get("abort", 0)
    assert total(page, "http_requests_total", status="5xx") == finished["error"]
    assert total(page, "vllm:generation_tokens_total") == report["tokens"]["generated"]
    assert total(page, "llm_tokens_generated_total") == report["tokens"]["generated"]
    hits, misses = total(page, "llm_cache_hits_total"), total(page, "llm_cache_misses_total")
    assert (hits, hits + misses) == (report["tokens"]["cached"], report["tokens"]["prompt"])
    assert hits == total(page, "vllm:prefix_cache_hits_total") == total(page, "llm_cache_hits")
    assert total(page, "vllm:num_preemptions_total") == report["kv_cache"]["preemptions"] > 0
    assert total(page, "vllm:num_requests_running") == report["requests"]["running"]
    assert total(page, "llm_request_queue_length") == report["requests"]["waiting"]
    assert total(page, "vllm:kv_cache_usage_perc") == pytest.approx(report["kv_cache"]["usage"])


def test_vllms_labels_and_bucket_edges(page: dict[str, list[tuple[dict[str, str], float]]]) -> None:
    edges = {
        "vllm:time_to_first_token_seconds": TTFT_BUCKETS,
        "vllm:inter_token_latency_seconds": ITL_BUCKETS,
        "vllm:e2e_request_latency_seconds": LATENCY_BUCKETS,
        "vllm:request_prompt_tokens": token_buckets(32_768),
    }
    for name, expected in edges.items():
        assert list(buckets(page, name)) == [*map(float, expected), float("inf")]
    assert 0.5 in TTFT_BUCKETS
    assert 10 in LATENCY_BUCKETS
    own = [labels for name, samples in page.items() if name.startswith("vllm:") for labels, _ in samples]
    assert all(labels["engine"] == "0" for labels in own)
    named = [labels for labels in own if "num_gpu_blocks" not in labels]
    assert all(labels["model_name"] == "llama-3-70b" for labels in named)


def test_the_machine_is_plausible(page: dict[str, list[tuple[dict[str, str], float]]]) -> None:
    used, limit = page["container_memory_usage_bytes"][0], page["container_spec_memory_limit_bytes"][0]
    assert used[0]["container"] == "llm-inference"
    assert 0 < used[1] < limit[1]
    assert len(page["DCGM_FI_DEV_GPU_UTIL"]) == 4
    for gpu in range(4):
        parts = [total(page, f"DCGM_FI_DEV_FB_{part}", gpu=str(gpu)) for part in ("USED", "FREE", "RESERVED")]
        assert sum(parts) == 81_559
        assert parts[0] / sum(parts) == pytest.approx(0.92, abs=0.01)
        assert 0 <= total(page, "DCGM_FI_DEV_GPU_UTIL", gpu=str(gpu)) <= 100
        assert 31 <= total(page, "DCGM_FI_DEV_GPU_TEMP", gpu=str(gpu)) <= 70
