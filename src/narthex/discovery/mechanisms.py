"""The registry of mechanisms: which discovery sections there are providers for."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from narthex.clock import Clock
from narthex.config.sd.base import SDConfig
from narthex.config.sd.plain import FileSDConfig
from narthex.discovery.file import FileProvider
from narthex.discovery.metrics import DiscoveryMetrics
from narthex.discovery.provider import Provider
from narthex.discovery.watch import DirectoryWatch

MakeProvider = Callable[[Any, str, DiscoveryMetrics, Clock], Provider]
"""A provider's class or a function that chooses one: takes the section, the name of its set, metrics and a clock."""

MECHANISMS = {
    "aws": "aws.provider:provider_of",
    "azure": "azure:AzureProvider",
    "consul": "consul:ConsulProvider",
    "digitalocean": "digitalocean:DigitalOceanProvider",
    "dns": "dns:DnsProvider",
    "docker": "docker:DockerProvider",
    "dockerswarm": "dockerswarm:DockerSwarmProvider",
    "ec2": "aws.provider:provider_of",
    "ecs": "aws.provider:provider_of",
    "elasticache": "aws.provider:provider_of",
    "eureka": "eureka:EurekaProvider",
    "gce": "gce:GCEProvider",
    "hetzner": "hetzner:provider",
    "http": "http:HttpProvider",
    "ionos": "ionos:IonosProvider",
    "kubernetes": "kubernetes.provider:provider_of",
    "kuma": "kuma:KumaProvider",
    "lightsail": "aws.provider:provider_of",
    "linode": "linode:LinodeProvider",
    "marathon": "marathon:MarathonProvider",
    "msk": "aws.provider:provider_of",
    "nerve": "zookeeper:provider_of",
    "nomad": "nomad:NomadProvider",
    "oci": "oci:OciProvider",
    "openstack": "openstack:provider",
    "outscale": "outscale:OutscaleProvider",
    "ovhcloud": "ovhcloud:OVHCloudProvider",
    "puppetdb": "puppetdb:PuppetDBProvider",
    "rds": "aws.provider:provider_of",
    "scaleway": "scaleway:provider",
    "serverset": "zookeeper:provider_of",
    "stackit": "stackit:StackitProvider",
    "triton": "triton:TritonProvider",
    "uyuni": "uyuni:UyuniProvider",
    "vultr": "vultr:VultrProvider",
}
"""Section's mechanism -> module of this package and MakeProvider in it. A module is imported once it is configured."""

BUILT_IN = ("static", "file")
"""Those that the manager or the watcher of directories serves."""


def mechanism(name: str) -> MakeProvider:
    module, _, maker = MECHANISMS[name].partition(":")
    found: MakeProvider = getattr(import_module(f"narthex.discovery.{module}"), maker)
    return found


def make_provider(
    config: SDConfig, config_name: str, watch: DirectoryWatch, metrics: DiscoveryMetrics, clock: Clock
) -> Provider:
    """The provider of a section. Raises HTTPClientError."""
    if isinstance(config, FileSDConfig):
        return FileProvider(config, watch, metrics, clock)
    return mechanism(config.mechanism)(config, config_name, metrics, clock)
