from __future__ import annotations

import inspect
import subprocess
import sys
from importlib import import_module

import pytest

from narthex.config.discovery import DiscoveryConfigs
from narthex.discovery.mechanisms import MECHANISMS, mechanism

LIVES = {
    "azure": "test_azure:test_machines_and_those_of_scale_sets_live",
    "digitalocean": "test_digitalocean:test_droplets_live_and_come_page_by_page",
    "docker": "test_docker:TestContainers.test_containers_live_and_filters_are_sent",
    "ec2": "aws.test_ec2:test_instances_live_and_come_page_by_page",
    "ecs": "aws.test_ecs:test_tasks_with_their_own_network_and_with_their_hosts_live",
    "elasticache": "aws.test_elasticache:test_caches_and_nodes_live_and_come_page_by_page",
    "eureka": "test_eureka:test_instances_live_with_their_metadata_as_it_is_written",
    "gce": "test_gce:test_instances_live_and_come_page_by_page_with_a_token_of_the_metadata_server",
    "hetzner": "test_hetzner:test_cloud_servers_live_and_come_page_by_page",
    "ionos": "test_ionos:test_servers_live_with_the_labels_of_peers",
    "lightsail": "aws.test_lightsail:test_instances_live_and_come_page_by_page",
    "marathon": "test_marathon:test_apps_live_as_groups_of_their_own",
    "msk": "aws.test_msk:test_nodes_live_and_come_page_by_page",
    "nomad": "test_nomad:test_services_live_and_each_is_asked_for_by_name",
    "oci": "test_oci:test_instances_of_all_compartments_live_and_come_page_by_page",
    "openstack": "test_openstack:test_instances_live_page_by_page_with_floating_addresses_as_labels",
    "outscale": "test_outscale:test_machines_live_and_calls_are_signed_with_the_key_of_the_file",
    "ovhcloud": "test_ovhcloud:test_virtual_private_servers_live_and_calls_are_signed",
    "puppetdb": "test_puppetdb:test_resources_live_with_parameters_only_when_asked_for",
    "rds": "aws.test_rds:test_instances_of_clusters_live_and_come_page_by_page",
    "scaleway": "test_scaleway:test_instances_live",
    "stackit": "test_stackit:test_servers_live_and_those_without_an_address_are_left_out",
    "triton": "test_triton:test_containers_live",
    "vultr": "test_vultr:test_instances_live_and_come_page_by_page",
}
"""Mechanism -> the test that leads it through a first list, an error, recovery and a change: all call `live`."""
LIVES["aws"] = LIVES["ec2"]  # its test takes both sections

OTHER_LIVES = {
    "consul": "test_consul:test_services_are_watched_through_changes_errors_and_an_index_that_goes_back",
    "dns": "test_dns:test_a_name_that_fails_keeps_its_targets_until_it_recovers_and_one_that_is_gone_loses_them",
    "dockerswarm": "test_docker:TestSwarm.test_services_live_with_an_address_for_each_network",
    "file": "test_manager:TestFiles.test_a_broken_file_keeps_its_last_good_targets_and_is_counted",
    "http": "test_manager:TestHttp.test_a_bad_answer_keeps_the_last_targets_until_a_good_one_and_is_counted",
    "kubernetes": "kubernetes.test_watching:test_targets_stay_while_the_server_is_away_and_follow_when_it_is_back",
    "kuma": "test_kuma:test_a_mesh_is_followed_by_version_and_errors_keep_what_is_known",
    "linode": "test_linode:test_an_error_keeps_the_list_and_is_counted_and_all_pages_are_read",
    "nerve": "test_zookeeper:test_what_is_known_stays_while_the_server_is_gone_and_is_brought_up_to_date_after",
    "serverset": "test_zookeeper:test_what_is_known_stays_while_the_server_is_gone_and_is_brought_up_to_date_after",
    "uyuni": "test_uyuni:test_exporters_live_and_a_session_that_ended_is_begun_anew",
}
"""The same for mechanisms that watch, or whose errors have a form of their own: the test does it itself."""


def test_every_section_of_the_configuration_has_a_provider_and_a_test_of_its_life() -> None:
    sections = {name.removesuffix("_sd_configs") for name in DiscoveryConfigs.model_fields} - {"static_configs"}
    assert set(MECHANISMS) | {"file"} == sections
    assert LIVES.keys() | OTHER_LIVES.keys() == sections


@pytest.mark.parametrize("place", sorted({**LIVES, **OTHER_LIVES}.values()))
def test_the_test_of_a_life_exists_and_leads_it(place: str) -> None:
    module, _, name = place.partition(":")
    found: object = import_module(f"unit.discovery.{module}")
    for part in name.split("."):
        found = getattr(found, part)
    assert inspect.iscoroutinefunction(found)
    if place in LIVES.values():
        assert "await live(" in inspect.getsource(found)


@pytest.mark.parametrize("name", sorted(MECHANISMS))
def test_each_entry_of_the_registry_leads_to_something_that_makes_providers(name: str) -> None:
    assert callable(mechanism(name))


def test_the_registry_imports_no_mechanism_that_is_not_configured() -> None:
    code = "import sys, narthex.discovery; print([m for m in sys.modules if m == 'narthex.discovery.dns'])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
