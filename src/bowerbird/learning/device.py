"""Choose the device and the precision; count processes; seed generators."""

import ctypes
import os
import statistics
import time
from dataclasses import dataclass
from functools import cache
from typing import get_args

import torch
import torch.nn.functional as F

from bowerbird.learning.config import Precision
from bowerbird.learning.validate import check_choice

MIN_SPEEDUP = 1.2  # of bfloat16, to be worth its rounding
ROUNDS = 15  # of timing: about 0.1 s in all


@dataclass(frozen=True)
class Compute:
    """A device and the precision of networks on it."""

    device: torch.device
    dtype: torch.dtype

    @property
    def winograd(self) -> bool:
        """Whether Winograd's algorithm is the fastest convolution on it."""
        return self.device.type == "cpu" and self.dtype == torch.float32


def select_compute(device: str = "auto", precision: Precision = "auto") -> Compute:
    """Return the device and the precision of these names.

    ``auto`` prefers CUDA, then Apple's MPS, then the CPU, and bfloat16 only where it is faster.
    Raises ValueError for a device that isn't available and for an unknown precision.
    """
    check_choice(precision, get_args(Precision))
    chosen = _device(device)
    if precision == "auto":
        return Compute(chosen, torch.bfloat16 if _bfloat16_is_faster(chosen) else torch.float32)
    return Compute(chosen, getattr(torch, precision))


def _device(name: str) -> torch.device:
    available = ["cpu"]
    if torch.cuda.is_available():
        available = [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["cuda", *available]
    if torch.backends.mps.is_available():
        available = ["mps", *available]
    if name == "auto":
        return torch.device("cuda" if "cuda" in available else available[0])
    if name not in available:
        known = ", ".join(sorted(available))
        raise ValueError(f"device {name!r} is not available; this machine has {known}")
    return torch.device(name)


def _bfloat16_is_faster(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and _bfloat16_is_faster_on_cpu()


@cache
def _bfloat16_is_faster_on_cpu() -> bool:
    """Decide by the CPU's instructions; if they are inconclusive, by timing a convolution.

    Without bfloat16 instructions a convolution is hundreds of times slower, so it isn't even timed.
    With bfloat16 products (AVX-512 BF16, AMX) it is about twice as fast.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return _has_bfloat16_products() or _bfloat16_speedup() > MIN_SPEEDUP


def _has_bfloat16_products() -> bool:
    """Return whether the CPU has bfloat16 products, as far as torch knows."""
    queries = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # x86; not in every torch
    return any(bool(getattr(torch.cpu, query, bool)()) for query in queries)


def _bfloat16_speedup() -> float:
    """Return how many times faster a small convolution is in bfloat16 than in float32.

    Each round times both, one right after the other, so that other load on the machine slows both;
    the median of the rounds counts.
    """
    ratios = []
    for index in range(ROUNDS + 1):
        single, half = _convolution_seconds(torch.float32), _convolution_seconds(torch.bfloat16)
        if index:  # the first round is a warm-up
            ratios.append(single / half)
    return statistics.median(ratios)


def _convolution_seconds(dtype: torch.dtype) -> float:
    x = torch.ones(1, 128, 48, 48, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(128, 128, 3, 3, dtype=dtype)
    with torch.inference_mode():
        start = time.perf_counter()
        F.conv2d(x, weight, padding=1)
        return time.perf_counter() - start


def processes() -> tuple[int, int]:
    """Return (rank, number of processes), from torchrun's environment variables."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def leave_group(*, together: bool = True) -> None:
    """Leave the process group; ``together`` waits for all processes.

    A process that ends while another still communicates with it makes the other abort.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        if together:
            torch.distributed.barrier()
        torch.distributed.destroy_process_group()


@cache
def keep_freed_memory() -> bool:
    """Make glibc keep freed memory for the next tensor; return whether it does.

    A network's features take tens of megabytes each. glibc returns such blocks to the system at
    once, and the system clears every page when they are allocated again: a seventh of the time of
    an optimization (docs/experiment-log.md). This applies to the whole process; other C libraries
    are left as they are.
    """
    m_trim_threshold, m_mmap_max = -1, -4  # from malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not Linux, or not glibc
        return False
    return bool(mallopt(m_mmap_max, 0) and mallopt(m_trim_threshold, 2**31 - 1))


def generator(seed: int) -> torch.Generator:
    """Return a random generator on the CPU, with the same numbers on every machine."""
    return torch.Generator().manual_seed(seed)
