"""Which fields of RDS clusters and instances become labels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from narthex.discovery.aws.field_labels import field_labels

_CLUSTER = """
ActivityStreamKinesisStreamName ActivityStreamKmsKeyId ActivityStreamMode ActivityStreamStatus AllocatedStorage
AutoMinorVersionUpgrade AutomaticRestartTime AwsBackupRecoveryPointArn BacktrackConsumedChangeRecords BacktrackWindow
BackupRetentionPeriod Capacity CharacterSetName CloneGroupId ClusterCreateTime ClusterScalabilityType
CopyTagsToSnapshot CrossAccountClone DBClusterArn DBClusterIdentifier DBClusterInstanceClass DBClusterParameterGroup
DBSubnetGroup DBSystemId DatabaseInsightsMode DatabaseName DbClusterResourceId DeletionProtection
EarliestBacktrackTime EarliestRestorableTime Endpoint Engine EngineLifecycleSupport EngineMode EngineVersion
GlobalClusterIdentifier GlobalWriteForwardingRequested GlobalWriteForwardingStatus HostedZoneId HttpEndpointEnabled
IAMDatabaseAuthenticationEnabled IOOptimizedNextAllowedModificationTime Iops KmsKeyId LatestRestorableTime
LocalWriteForwardingStatus MasterUsername MonitoringInterval MonitoringRoleArn MultiAZ NetworkType PercentProgress
PerformanceInsightsEnabled PerformanceInsightsKMSKeyId PerformanceInsightsRetentionPeriod Port PreferredBackupWindow
PreferredMaintenanceWindow PubliclyAccessible ReaderEndpoint ReplicationSourceIdentifier ServerlessV2PlatformVersion
Status StorageEncrypted StorageEncryptionType StorageThroughput StorageType UpgradeRolloutOrder
"""
CLUSTER = tuple(_CLUSTER.split())
_INSTANCE = """
ActivityStreamEngineNativeAuditFieldsIncluded ActivityStreamKinesisStreamName ActivityStreamKmsKeyId
ActivityStreamMode ActivityStreamPolicyStatus ActivityStreamStatus AllocatedStorage AutoMinorVersionUpgrade
AutomaticRestartTime AutomationMode AvailabilityZone AwsBackupRecoveryPointArn BackupRetentionPeriod BackupTarget
CACertificateIdentifier CharacterSetName CopyTagsToSnapshot CustomIamInstanceProfile CustomerOwnedIpEnabled
DBClusterIdentifier DBInstanceArn DBInstanceClass DBInstanceIdentifier DBInstanceStatus DBName DBSystemId
DatabaseInsightsMode DbInstancePort DbiResourceId DedicatedLogVolume DeletionProtection Engine EngineLifecycleSupport
EngineVersion EnhancedMonitoringResourceArn IAMDatabaseAuthenticationEnabled InstanceCreateTime Iops
IsStorageConfigUpgradeAvailable KmsKeyId LatestRestorableTime LicenseModel MasterUsername MaxAllocatedStorage
MonitoringInterval MonitoringRoleArn MultiAZ MultiTenant NcharCharacterSetName NetworkType PercentProgress
PerformanceInsightsEnabled PerformanceInsightsKMSKeyId PerformanceInsightsRetentionPeriod PreferredBackupWindow
PreferredMaintenanceWindow PromotionTier PubliclyAccessible ReadReplicaSourceDBClusterIdentifier
ReadReplicaSourceDBInstanceIdentifier ReplicaMode ResumeFullAutomationModeTime SecondaryAvailabilityZone
StorageEncrypted StorageEncryptionType StorageThroughput StorageType StorageVolumeStatus TdeCredentialArn Timezone
UpgradeRolloutOrder
"""
INSTANCE = tuple(_INSTANCE.split())
ENDPOINT = ("Address", "HostedZoneId", "Port")
CLUSTER_RENAMED = {
    "DBClusterArn": "arn",
    "DBClusterIdentifier": "identifier",
    "DBClusterInstanceClass": "instance_class",
    "DBClusterParameterGroup": "parameter_group",
    "DBSubnetGroup": "subnet_group",
    "DbClusterResourceId": "resource_id",
}
INSTANCE_RENAMED = {
    "DBInstanceArn": "arn",
    "DBInstanceClass": "class",
    "DBInstanceIdentifier": "identifier",
    "DBInstanceStatus": "status",
    "DbInstancePort": "port",
    "DbiResourceId": "resource_id",
}


def cluster_labels(cluster: Mapping[str, Any]) -> dict[str, str]:
    return field_labels("__meta_rds_cluster_", cluster, CLUSTER, CLUSTER_RENAMED)


def instance_labels(instance: Mapping[str, Any]) -> dict[str, str]:
    prefix = "__meta_rds_instance_"
    labels = field_labels(prefix, instance, INSTANCE, INSTANCE_RENAMED)
    for field, name in (("Endpoint", "endpoint_"), ("ListenerEndpoint", "listener_endpoint_")):
        labels |= field_labels(prefix + name, instance.get(field), ENDPOINT)
    group = instance.get("DBSubnetGroup")
    if isinstance(group, dict) and isinstance(group.get("DBSubnetGroupName"), str):
        labels[f"{prefix}subnet_group"] = group["DBSubnetGroupName"]
    return labels
