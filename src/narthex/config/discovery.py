"""All discovery keys of a section that finds targets."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import Field

from narthex.config.sd.base import SDConfig
from narthex.config.sd.cloud import (
    AWSSDConfig,
    AzureSDConfig,
    EC2SDConfig,
    ECSSDConfig,
    ElasticacheSDConfig,
    GCESDConfig,
    LightsailSDConfig,
    MSKSDConfig,
    OCISDConfig,
    OpenStackSDConfig,
    RDSSDConfig,
)
from narthex.config.sd.cluster import (
    ConsulSDConfig,
    DockerSDConfig,
    DockerSwarmSDConfig,
    EurekaSDConfig,
    KubernetesSDConfig,
    KumaSDConfig,
    MarathonSDConfig,
    NerveSDConfig,
    NomadSDConfig,
    PuppetDBSDConfig,
    ServersetSDConfig,
)
from narthex.config.sd.hosters import (
    DigitalOceanSDConfig,
    HetznerSDConfig,
    IonosSDConfig,
    LinodeSDConfig,
    OutscaleSDConfig,
    OVHCloudSDConfig,
    ScalewaySDConfig,
    StackitSDConfig,
    TritonSDConfig,
    UyuniSDConfig,
    VultrSDConfig,
)
from narthex.config.sd.plain import DnsSDConfig, FileSDConfig, HttpSDConfig, StaticConfig
from narthex.config.strict import Section, wrong


class DiscoveryConfigs(Section):
    """`static_configs` and every `<mechanism>_sd_configs`, in the order in which they are printed."""

    aws_sd_configs: list[AWSSDConfig] = Field(default_factory=list)
    azure_sd_configs: list[AzureSDConfig] = Field(default_factory=list)
    consul_sd_configs: list[ConsulSDConfig] = Field(default_factory=list)
    digitalocean_sd_configs: list[DigitalOceanSDConfig] = Field(default_factory=list)
    dns_sd_configs: list[DnsSDConfig] = Field(default_factory=list)
    docker_sd_configs: list[DockerSDConfig] = Field(default_factory=list)
    dockerswarm_sd_configs: list[DockerSwarmSDConfig] = Field(default_factory=list)
    ec2_sd_configs: list[EC2SDConfig] = Field(default_factory=list)
    ecs_sd_configs: list[ECSSDConfig] = Field(default_factory=list)
    elasticache_sd_configs: list[ElasticacheSDConfig] = Field(default_factory=list)
    eureka_sd_configs: list[EurekaSDConfig] = Field(default_factory=list)
    file_sd_configs: list[FileSDConfig] = Field(default_factory=list)
    gce_sd_configs: list[GCESDConfig] = Field(default_factory=list)
    hetzner_sd_configs: list[HetznerSDConfig] = Field(default_factory=list)
    http_sd_configs: list[HttpSDConfig] = Field(default_factory=list)
    ionos_sd_configs: list[IonosSDConfig] = Field(default_factory=list)
    kubernetes_sd_configs: list[KubernetesSDConfig] = Field(default_factory=list)
    kuma_sd_configs: list[KumaSDConfig] = Field(default_factory=list)
    lightsail_sd_configs: list[LightsailSDConfig] = Field(default_factory=list)
    linode_sd_configs: list[LinodeSDConfig] = Field(default_factory=list)
    marathon_sd_configs: list[MarathonSDConfig] = Field(default_factory=list)
    msk_sd_configs: list[MSKSDConfig] = Field(default_factory=list)
    nerve_sd_configs: list[NerveSDConfig] = Field(default_factory=list)
    nomad_sd_configs: list[NomadSDConfig] = Field(default_factory=list)
    oci_sd_configs: list[OCISDConfig] = Field(default_factory=list)
    openstack_sd_configs: list[OpenStackSDConfig] = Field(default_factory=list)
    outscale_sd_configs: list[OutscaleSDConfig] = Field(default_factory=list)
    ovhcloud_sd_configs: list[OVHCloudSDConfig] = Field(default_factory=list)
    puppetdb_sd_configs: list[PuppetDBSDConfig] = Field(default_factory=list)
    rds_sd_configs: list[RDSSDConfig] = Field(default_factory=list)
    scaleway_sd_configs: list[ScalewaySDConfig] = Field(default_factory=list)
    serverset_sd_configs: list[ServersetSDConfig] = Field(default_factory=list)
    stackit_sd_configs: list[StackitSDConfig] = Field(default_factory=list)
    triton_sd_configs: list[TritonSDConfig] = Field(default_factory=list)
    uyuni_sd_configs: list[UyuniSDConfig] = Field(default_factory=list)
    vultr_sd_configs: list[VultrSDConfig] = Field(default_factory=list)
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
