from __future__ import annotations

from typing import Any

import pytest

from narthex.config.relabel import RelabelConfig
from narthex.errors import ScrapeError
from narthex.scrape.target import Target, offset_seed
from narthex.scrape.target_labels import Histograms, ScrapeTarget, discovered_labels, scrape_target
from support.scrape import job


def target(labels: dict[str, str], **settings: Any) -> ScrapeTarget | None:
    config = job(**settings)
    return scrape_target(discovered_labels(labels, {}, config), config)


def test_defaults_come_from_the_job_and_yield_to_discovery() -> None:
    config = job(params={"module": ["http", "x"]}, metrics_path="/probe")
    labels = discovered_labels({"__address__": "a:1", "job": "own"}, {"zone": "z", "__scheme__": "https"}, config)
    assert labels.as_dict() == {
        "__address__": "a:1",
        "__metrics_path__": "/probe",
        "__param_module": "http",
        "__scheme__": "https",
        "__scrape_interval__": "10s",
        "__scrape_timeout__": "5s",
        "job": "own",
        "zone": "z",
    }


def test_instance_is_the_address_and_private_labels_stay_private() -> None:
    found = target({"__address__": "a:1", "__meta_x": "y", "__tmp": "t"})
    assert found is not None
    assert found.public.as_dict() == {"instance": "a:1", "job": "test"}
    assert "__meta_x" not in found.labels
    assert found.labels["__tmp"] == "t"
    assert (found.url, found.interval, found.timeout) == ("http://a:1/metrics", 10_000, 5_000)


def test_parameters_and_path_make_the_url() -> None:
    found = target(
        {"__address__": "[::1]:9", "__param_target": "x y", "__metrics_path__": "probe"},
        params={"module": ["m1", "m2"], "target": ["default", "second"]},
    )
    assert found is not None
    assert found.url == "http://[::1]:9/probe?module=m1&module=m2&target=x+y&target=second"


def test_relabelling_may_drop_or_redirect() -> None:
    drop = RelabelConfig(source_labels=["zone"], regex="bad", action="drop")
    move = RelabelConfig(source_labels=["__address__"], target_label="__address__", replacement="$1:99")
    assert target({"__address__": "a", "zone": "bad"}, relabel_configs=[drop, move]) is None
    found = target({"__address__": "a", "zone": "good"}, relabel_configs=[drop, move])
    assert found is not None
    assert (found.url, found.public["instance"]) == ("http://a:99/metrics", "a:99")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ({"__address__": ""}, "no address"),
        ({"__address__": "a/b"}, '"a/b" is not a valid hostname'),
        ({"__address__": "a:http"}, "makes no valid URL"),
        ({"__address__": "a", "__scheme__": "ftp"}, "makes no http or https URL"),
        ({"__address__": "a", "__scrape_interval__": "soon"}, "error parsing scrape interval"),
        ({"__address__": "a", "__scrape_interval__": "0s"}, "scrape interval cannot be 0"),
        ({"__address__": "a", "__scrape_timeout__": "1m"}, "scrape timeout 1m is greater than scrape interval 10s"),
    ],
)
def test_unusable_targets_say_why(labels: dict[str, str], message: str) -> None:
    with pytest.raises(ScrapeError, match=message):
        target(labels)


def test_offsets_are_stable_spread_out_and_differ_between_servers() -> None:
    def offset(host: str, seed: int) -> float:
        spec = target({"__address__": host})
        assert spec is not None
        return Target("test", spec.labels, spec).offset(seed)

    one, two = offset_seed("one", []), offset_seed("one", [("replica", "b")])
    offsets = [offset(f"h{i}", one) for i in range(200)]
    assert offsets == [offset(f"h{i}", one) for i in range(200)]
    assert offset("h0", two) != offsets[0]
    assert all(0 <= o < 10 for o in offsets)
    assert all(10 <= sum(second <= o < second + 1 for o in offsets) <= 35 for second in range(10))


def test_a_target_may_say_by_label_what_becomes_of_its_histograms() -> None:
    config = job(scrape_native_histograms=True)
    labels = {
        "__address__": "host:1",
        "__scrape_native_histograms__": "false",
        "__always_scrape_classic_histograms__": "T",
        "__convert_classic_histograms_to_nhcb__": "1",
    }
    spec = scrape_target(discovered_labels(labels, {}, config), config)
    assert spec is not None
    assert spec.histograms == Histograms(native=False, classic=True, convert=True)
    labels["__scrape_native_histograms__"] = "maybe"
    with pytest.raises(ScrapeError, match="__scrape_native_histograms__ wants a boolean"):
        scrape_target(discovered_labels(labels, {}, config), config)
