"""`config:`, settings of clouds for one task: the keys that a task may set. Their values are kept as they are."""

from typing import Any

from skyserve.spec.base import Model, Text


class DockerConfig(Model):
    """`config.docker:`."""

    run_options: Any = None
    """Options of `docker run`."""


class NvidiaConfig(Model):
    """`config.nvidia_gpus:`."""

    disable_ecc: bool | None = None
    """Turn error correction of GPU memory off."""


class SshConfig(Model):
    """`config.ssh:`."""

    custom_metadata: Any = None
    """Labels and annotations."""
    pod_config: Any = None
    """Settings of pods."""
    provision_timeout: Any = None
    """Longest time of provisioning, in seconds."""


class KubernetesConfig(SshConfig):
    """`config.kubernetes:`."""

    dws: Any = None
    """Queued capacity of Google."""
    kueue: Any = None
    """Queue of Kueue."""
    quota: Any = None
    """Quota to be used."""
    remote_identity: Any = None
    """Service account of pods."""
    enable_docker: Any = None
    """Docker within pods."""
    set_pod_resource_limits: Any = None
    """Limits beside requests."""


class AzureConfig(Model):
    """`config.azure:`."""

    remote_identity: Any = None
    """Identity of machines."""
    vpc_name: Any = None
    """Network."""


class GcpConfig(Model):
    """`config.gcp:`."""

    vpc_name: Any = None
    """Network."""
    subnet_names: Any = None
    """Subnets."""
    managed_instance_group: Any = None
    """Group for queued capacity."""
    enable_gvnic: Any = None
    """Faster network card."""
    enable_gpu_direct: Any = None
    """Network between GPUs."""
    placement_policy: Any = None
    """How near machines are to each other."""


class VastConfig(Model):
    """`config.vast:`."""

    datacenter_only: Any = None
    """Only machines in data centres."""
    create_instance_kwargs: Any = None
    """Arguments of instance creation."""


class SlurmConfig(Model):
    """`config.slurm:`."""

    sbatch_options: Any = None
    """Options of sbatch."""
    quota: Any = None
    """Quota to be used."""
    cpu_partition: Any = None
    """Partition for tasks without GPUs."""


class TaskConfig(Model):
    """`config:`."""

    docker: DockerConfig | None = None
    """Settings of Docker."""
    nvidia_gpus: NvidiaConfig | None = None
    """Settings of NVIDIA GPUs."""
    ssh: SshConfig | None = None
    """Settings of SSH node pools."""
    kubernetes: KubernetesConfig | None = None
    """Settings of Kubernetes."""
    azure: AzureConfig | None = None
    """Settings of Azure."""
    gcp: GcpConfig | None = None
    """Settings of Google Cloud."""
    vast: VastConfig | None = None
    """Settings of Vast."""
    slurm: SlurmConfig | None = None
    """Settings of Slurm."""
    active_workspace: Text | None = None
    """Workspace of the task."""
    hooks: Any = None
    """Scripts to be run at certain moments."""
