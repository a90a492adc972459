"""All discovery keys of a section that finds targets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from narthex.config.later import Later
from narthex.config.sd.base import SDConfig
from narthex.config.sd.plain import DnsSDConfig, FileSDConfig, HttpSDConfig, StaticConfig
from narthex.config.strict import Section, wrong

_CLOUD, _CLUSTER, _HOSTERS = (f"narthex.config.sd.{name}" for name in ("cloud", "cluster", "hosters"))


class DiscoveryConfigs(Section):
    """`static_configs` and every `<mechanism>_sd_configs`, in the order in which they are printed."""

    aws_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "AWSSDConfig")]] = Field(default_factory=list)
    azure_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "AzureSDConfig")]] = Field(default_factory=list)
    consul_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "ConsulSDConfig")]] = Field(default_factory=list)
    digitalocean_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "DigitalOceanSDConfig")]] = Field(
        default_factory=list
    )
    dns_sd_configs: list[Annotated[DnsSDConfig, Later()]] = Field(default_factory=list)
    docker_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "DockerSDConfig")]] = Field(default_factory=list)
    dockerswarm_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "DockerSwarmSDConfig")]] = Field(
        default_factory=list
    )
    ec2_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "EC2SDConfig")]] = Field(default_factory=list)
    ecs_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "ECSSDConfig")]] = Field(default_factory=list)
    elasticache_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "ElasticacheSDConfig")]] = Field(
        default_factory=list
    )
    eureka_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "EurekaSDConfig")]] = Field(default_factory=list)
    file_sd_configs: list[Annotated[FileSDConfig, Later()]] = Field(default_factory=list)
    gce_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "GCESDConfig")]] = Field(default_factory=list)
    hetzner_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "HetznerSDConfig")]] = Field(default_factory=list)
    http_sd_configs: list[Annotated[HttpSDConfig, Later()]] = Field(default_factory=list)
    ionos_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "IonosSDConfig")]] = Field(default_factory=list)
    kubernetes_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "KubernetesSDConfig")]] = Field(
        default_factory=list
    )
    kuma_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "KumaSDConfig")]] = Field(default_factory=list)
    lightsail_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "LightsailSDConfig")]] = Field(default_factory=list)
    linode_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "LinodeSDConfig")]] = Field(default_factory=list)
    marathon_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "MarathonSDConfig")]] = Field(default_factory=list)
    msk_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "MSKSDConfig")]] = Field(default_factory=list)
    nerve_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "NerveSDConfig")]] = Field(default_factory=list)
    nomad_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "NomadSDConfig")]] = Field(default_factory=list)
    oci_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "OCISDConfig")]] = Field(default_factory=list)
    openstack_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "OpenStackSDConfig")]] = Field(default_factory=list)
    outscale_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "OutscaleSDConfig")]] = Field(default_factory=list)
    ovhcloud_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "OVHCloudSDConfig")]] = Field(default_factory=list)
    puppetdb_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "PuppetDBSDConfig")]] = Field(default_factory=list)
    rds_sd_configs: list[Annotated[SDConfig, Later(_CLOUD, "RDSSDConfig")]] = Field(default_factory=list)
    scaleway_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "ScalewaySDConfig")]] = Field(default_factory=list)
    serverset_sd_configs: list[Annotated[SDConfig, Later(_CLUSTER, "ServersetSDConfig")]] = Field(default_factory=list)
    stackit_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "StackitSDConfig")]] = Field(default_factory=list)
    triton_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "TritonSDConfig")]] = Field(default_factory=list)
    uyuni_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "UyuniSDConfig")]] = Field(default_factory=list)
    vultr_sd_configs: list[Annotated[SDConfig, Later(_HOSTERS, "VultrSDConfig")]] = Field(default_factory=list)
    static_configs: list[StaticConfig] = Field(default_factory=list)

    def each(self) -> Iterator[SDConfig]:
        """All sections but the static ones."""
        for name in type(self).model_fields:
            if name != "static_configs":
                yield from getattr(self, name)

    def check_targets(self) -> None:
        """Refuses URLs where host:port is meant. Not asked where relabelling may still take a URL apart."""
        for i, group in enumerate(self.static_configs):
            for k, target in enumerate(group.targets):
                if "/" in target:
                    raise wrong(
                        f'"{target}" is not a valid hostname: a target is host:port, without scheme and path',
                        "static_configs",
                        i,
                        "targets",
                        k,
                    )
