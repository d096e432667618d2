"""Run small products on one thread.

BLAS splits the product of a matrix and a vector over all cores. Its threads wait for each other by
spinning: while another program has one of the cores, each product waits until the scheduler gives
it back, and takes many times as long as on a single thread.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import LibController, ThreadpoolController


@contextmanager
def single_blas_thread() -> Iterator[None]:
    """Limit NumPy's BLAS to one thread within the block; entering takes two microseconds.

    No effect on a library without such a setting, such as Apple's Accelerate.
    """
    before = [(library, library.num_threads) for library in _numpy_blas()]
    for library, threads in before:
        if threads != 1:
            library.set_num_threads(1)
    try:
        yield
    finally:
        for library, threads in before:
            if threads != 1:
                library.set_num_threads(threads)


@cache
def _numpy_blas() -> tuple[LibController, ...]:
    controllers = ThreadpoolController().select(user_api="blas").lib_controllers
    return tuple(library for library in controllers if "numpy" in library.filepath)
