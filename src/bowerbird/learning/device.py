"""Which device computes, in which precision, from which seed: explicit, and chosen in one place."""

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

MARGIN = 1.2  # times faster that bfloat16 must be to be worth its rounding
ROUNDS = 15  # about 0.1 s in all


@dataclass(frozen=True)
class Compute:
    """A device with the precision that networks run in there."""

    device: torch.device
    dtype: torch.dtype

    @property
    def winograd(self) -> bool:
        """Whether Winograd's algorithm is the faster convolution here."""
        return self.device.type == "cpu" and self.dtype == torch.float32


def select_compute(device: str = "auto", precision: Precision = "auto") -> Compute:
    """Return the device and precision meant by two words.

    ``auto`` takes CUDA, then Apple's MPS, then the processor, and bfloat16 only where it is faster.
    Raises ValueError for a device that is not there and for an unknown precision.
    """
    check_choice(precision, get_args(Precision))
    where = _device(device)
    if precision == "auto":
        return Compute(where, torch.bfloat16 if _bfloat16_is_faster(where) else torch.float32)
    return Compute(where, getattr(torch, precision))


def _device(name: str) -> torch.device:
    there = ["cpu"]
    if torch.cuda.is_available():
        there = [f"cuda:{i}" for i in range(torch.cuda.device_count())] + ["cuda", *there]
    if torch.backends.mps.is_available():
        there = ["mps", *there]
    if name == "auto":
        return torch.device("cuda" if "cuda" in there else there[0])
    if name not in there:
        raise ValueError(f"there is no device {name!r} here; there is {', '.join(sorted(there))}")
    return torch.device(name)


def _bfloat16_is_faster(device: torch.device) -> bool:
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return device.type == "cpu" and _bfloat16_wins_on_processor()


@cache
def _bfloat16_wins_on_processor() -> bool:
    """Tell by the processor's instructions; only where they don't say, by a stopwatch.

    Without any for bfloat16 a convolution falls back to a loop hundreds of times slower, so it is
    not even tried. With products of bfloat16 (AVX-512 BF16, AMX) it does twice the work at once.
    """
    if not torch.backends.mkldnn.is_available():
        return False
    if not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return False
    return _multiplies_bfloat16() or _times_faster() > MARGIN


def _multiplies_bfloat16() -> bool:
    """Tell whether the processor has products of bfloat16, as far as torch can know."""
    asks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # x86 only; not in every torch
    return any(bool(getattr(torch.cpu, ask, bool)()) for ask in asks)


def _times_faster() -> float:
    """Return how many times faster than in float32 a small convolution is in bfloat16.

    Each round times both, one right after the other, so that what else the machine does slows
    both; of the rounds the middle one counts.
    """
    ratios = []
    for index in range(ROUNDS + 1):
        exact, rough = _convolution_seconds(torch.float32), _convolution_seconds(torch.bfloat16)
        if index:  # the first one warms up
            ratios.append(exact / rough)
    return statistics.median(ratios)


def _convolution_seconds(dtype: torch.dtype) -> float:
    x = torch.ones(1, 128, 48, 48, dtype=dtype).contiguous(memory_format=torch.channels_last)
    weight = torch.ones(128, 128, 3, 3, dtype=dtype)
    with torch.inference_mode():
        start = time.perf_counter()
        F.conv2d(x, weight, padding=1)
        return time.perf_counter() - start


def processes() -> tuple[int, int]:
    """Return (number of this process, how many take part), as torchrun tells its processes."""
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))


def leave_group(*, together: bool = True) -> None:
    """Leave the group of processes that took part, once all have come here if ``together``.

    A process that simply ends while another still talks to it makes that one abort.
    """
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        if together:
            torch.distributed.barrier()
        torch.distributed.destroy_process_group()


@cache
def keep_freed_memory() -> bool:
    """Ask glibc to keep freed memory for the next tensor; say whether it will.

    A network's features are tens of megabytes each, and glibc gives such blocks back to the system
    at once, which has to clear every page when the next tensor asks for it again: a seventh of the
    time of a descent (docs/experiment-log.md). This holds for the whole process; other C libraries are left
    as they are.
    """
    m_trim_threshold, m_mmap_max = -1, -4  # from malloc.h
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):  # not Linux, or not glibc
        return False
    return bool(mallopt(m_mmap_max, 0) and mallopt(m_trim_threshold, 2**31 - 1))


def generator(seed: int) -> torch.Generator:
    """Return a random generator on the processor, the same numbers on every machine."""
    return torch.Generator().manual_seed(seed)
