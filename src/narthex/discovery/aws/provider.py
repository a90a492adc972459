"""The provider that an AWS section wants: of its own service, or of the role under the key `aws`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from narthex.clock import Clock
from narthex.config.sd import cloud
from narthex.discovery.aws.api import AwsProvider
from narthex.discovery.aws.ec2 import EC2Provider
from narthex.discovery.aws.ecs import ECSProvider
from narthex.discovery.aws.elasticache import ElasticacheProvider
from narthex.discovery.aws.lightsail import LightsailProvider
from narthex.discovery.aws.msk import MSKProvider
from narthex.discovery.aws.rds import RDSProvider
from narthex.discovery.metrics import DiscoveryMetrics

SERVICES: dict[str, tuple[type[cloud.AWSServiceSDConfig], type[AwsProvider]]] = {
    "ec2": (cloud.EC2SDConfig, EC2Provider),
    "ecs": (cloud.ECSSDConfig, ECSProvider),
    "elasticache": (cloud.ElasticacheSDConfig, ElasticacheProvider),
    "lightsail": (cloud.LightsailSDConfig, LightsailProvider),
    "msk": (cloud.MSKSDConfig, MSKProvider),
    "rds": (cloud.RDSSDConfig, RDSProvider),
}


def provider_of(
    config: cloud.AWSSDConfig | cloud.AWSServiceSDConfig,
    config_name: str,
    metrics: DiscoveryMetrics,
    clock: Clock,
    *,
    environment: Mapping[str, str] | None = None,
) -> AwsProvider:
    if isinstance(config, cloud.AWSSDConfig):
        config = section_of_role(config)
    make: Any = SERVICES[config.mechanism][1]
    made: AwsProvider = make(config, config_name, metrics, clock, environment=environment)
    return made


def section_of_role(config: cloud.AWSSDConfig) -> cloud.AWSServiceSDConfig:
    """The section of the service that the role names, with all keys that the service has."""
    kind = SERVICES[config.role][0]
    return kind(**{name: getattr(config, name) for name in kind.model_fields if name in type(config).model_fields})
