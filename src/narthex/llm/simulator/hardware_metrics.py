"""What cAdvisor (container_*) and NVIDIA's exporter (DCGM_FI_*) would say of the machine under the server."""

from __future__ import annotations

import hashlib
import math

from narthex.instrument import Registry
from narthex.llm.simulator.engine import Engine, Observer
from narthex.llm.simulator.faults import SLOW_DECODE
from narthex.llm.simulator.profile import Profile

GIB = 2**30
MEMORY_LIMIT = 128 * GIB
BASE_MEMORY = 41 * GIB
BYTES_PER_SEQUENCE = 24 * 2**20
PAGE_CACHE = 18 * GIB
RESERVED_MIB = 604
GPU_MEMORY_UTILIZATION = 0.92  # what vLLM takes for itself at start, whatever the load
IDLE_WATTS, BUSY_WATTS = 92.0, 610.0
IDLE_CELSIUS, BUSY_CELSIUS = 31.0, 68.0
FULL_CLOCK, THROTTLED_CLOCK, MEMORY_CLOCK = 1980, 345, 2619
SMOOTHING_SECONDS = 10.0  # GPU activity is an average over about this long
THERMAL_SECONDS = 40.0


class HardwareMetrics(Observer):
    """Activity is smoothed in simulated time; temperature follows power slowly."""

    def __init__(self, registry: Registry, profile: Profile, instance: str) -> None:
        self._profile = profile
        self._busy = self._tensor = self._heat = 0.0
        self._prefill_share = 0.0
        self._busy_seconds = 0.0
        self._joules = 0.0
        self._pod = f"{instance}-0"
        self._container(registry)
        self._gpu_families(registry)

    def _container(self, registry: Registry) -> None:
        names = ("container", "id", "image", "name", "namespace", "pod")
        digest = hashlib.sha256(self._pod.encode()).hexdigest()
        own = (
            "llm-inference",
            f"/kubepods.slice/{digest[:12]}",
            "vllm/vllm-openai:v0.33.0",
            digest[:24],
            "llm",
            self._pod,
        )
        gauge = registry.gauge
        self._memory = gauge("container_memory_usage_bytes", "Memory with page cache.", names).labels(*own)
        self._working_set = gauge("container_memory_working_set_bytes", "Memory in use.", names).labels(*own)
        gauge("container_spec_memory_limit_bytes", "Memory limit.", names).labels(*own).set(MEMORY_LIMIT)
        self._cpu = registry.counter(
            "container_cpu_usage_seconds_total", "CPU time consumed.", (*names[:1], "cpu", *names[1:])
        ).labels(own[0], "total", *own[1:])

    def _gpu_families(self, registry: Registry) -> None:
        names = (
            *("gpu", "UUID", "pci_bus_id", "device", "modelName", "Hostname", "DCGM_FI_DRIVER_VERSION"),
            *("container", "namespace", "pod"),
        )
        gauges = {
            "DCGM_FI_DEV_GPU_UTIL": "GPU utilization (in %).",
            "DCGM_FI_DEV_MEM_COPY_UTIL": "Memory utilization (in %).",
            "DCGM_FI_DEV_FB_FREE": "Frame buffer memory free (in MiB).",
            "DCGM_FI_DEV_FB_USED": "Frame buffer memory used (in MiB).",
            "DCGM_FI_DEV_FB_RESERVED": "Frame buffer memory reserved (in MiB).",
            "DCGM_FI_DEV_SM_CLOCK": "SM clock frequency (in MHz).",
            "DCGM_FI_DEV_MEM_CLOCK": "Memory clock frequency (in MHz).",
            "DCGM_FI_DEV_GPU_TEMP": "GPU temperature (in C).",
            "DCGM_FI_DEV_POWER_USAGE": "Power draw (in W).",
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE": "Ratio of time the graphics engine is active.",
            "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": "Ratio of cycles the tensor pipe is active.",
            "DCGM_FI_PROF_DRAM_ACTIVE": "Ratio of cycles the device memory interface is active.",
        }
        self._gauges = {name: registry.gauge(name, help, names) for name, help in gauges.items()}
        self._energy = registry.counter(
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "Total energy consumption since boot (in mJ).", names
        )
        xid = registry.gauge("DCGM_FI_DEV_XID_ERRORS", "Value of the last XID error encountered.", names)
        self._labels = []
        for gpu in range(self._profile.gpus):
            uuid = hashlib.sha256(f"{self._pod}/{gpu}".encode()).hexdigest()
            labels = (
                *(str(gpu), f"GPU-{uuid[:8]}-{uuid[8:12]}-{uuid[12:16]}-{uuid[16:20]}-{uuid[20:32]}"),
                *(f"00000000:{0x1B + 0x20 * gpu:02X}:00.0", f"nvidia{gpu}", self._profile.gpu_name),
                *(f"node-{self._pod}", "570.124.06", "llm-inference", "llm", self._pod),
            )
            self._labels.append(labels)
            xid.labels(*labels)

    def iteration(self, prefill: int, decode: int, seconds: float) -> None:
        self._prefill_share = prefill / (prefill + decode) if prefill + decode else 0.0

    def passed(self, engine: Engine, seconds: float) -> None:
        busy = 1.0 if engine.busy else 0.0
        blend = 1.0 - math.exp(-seconds / SMOOTHING_SECONDS)
        self._busy += (busy - self._busy) * blend
        self._tensor += (busy * (0.04 + 0.55 * self._prefill_share) - self._tensor) * blend
        self._heat += (self._busy - self._heat) * (1.0 - math.exp(-seconds / THERMAL_SECONDS))
        self._busy_seconds += busy * seconds
        self._joules += self._watts() * seconds

    def _watts(self) -> float:
        return IDLE_WATTS + (BUSY_WATTS - IDLE_WATTS) * self._busy * (0.55 + 0.45 * min(1.0, self._tensor * 2))

    def collect(self, engine: Engine) -> None:
        """Brings gauges up to date, before an exposition."""
        used = BASE_MEMORY + BYTES_PER_SEQUENCE * (len(engine.running) + len(engine.waiting))
        self._working_set.set(used)
        self._memory.set(used + PAGE_CACHE)
        self._cpu.value = engine.now * 0.35 + self._busy_seconds * 1.4
        throttled = engine.faults.active(SLOW_DECODE, engine.now)
        total = self._profile.gpu_memory_mib
        taken = int(total * GPU_MEMORY_UTILIZATION)
        values = {
            "DCGM_FI_DEV_GPU_UTIL": round(100 * self._busy),
            "DCGM_FI_DEV_MEM_COPY_UTIL": round(58 * self._busy),
            "DCGM_FI_DEV_FB_FREE": total - taken - RESERVED_MIB,
            "DCGM_FI_DEV_FB_USED": taken,
            "DCGM_FI_DEV_FB_RESERVED": RESERVED_MIB,
            "DCGM_FI_DEV_SM_CLOCK": THROTTLED_CLOCK if throttled else FULL_CLOCK,
            "DCGM_FI_DEV_MEM_CLOCK": MEMORY_CLOCK,
            "DCGM_FI_DEV_GPU_TEMP": round(IDLE_CELSIUS + (BUSY_CELSIUS - IDLE_CELSIUS) * self._heat),
            "DCGM_FI_DEV_POWER_USAGE": round(self._watts(), 3),
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE": round(self._busy, 6),
            "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": round(self._tensor, 6),
            "DCGM_FI_PROF_DRAM_ACTIVE": round(0.62 * self._busy, 6),
        }
        for labels in self._labels:
            for name, value in values.items():
                self._gauges[name].labels(*labels).set(value)
            self._energy.labels(*labels).value = round(self._joules * 1000)
