"""Small products run on one thread, and NumPy has its threads back afterwards."""

import itertools

import pytest
import torch
from threadpoolctl import ThreadpoolController, threadpool_limits

from bowerbird.learning.config import SamplingConfig
from bowerbird.learning.sequences.sampling import generate_tokens
from bowerbird.networks import recurrent_numpy
from bowerbird.networks.config import RecurrentConfig
from bowerbird.networks.recurrent import Recurrent
from bowerbird.threads import single_blas_thread


def numpy_threads():
    """Return the number of threads of each BLAS that NumPy has loaded."""
    found = ThreadpoolController().select(user_api="blas").lib_controllers
    return {library.num_threads for library in found if "numpy" in library.filepath}


@pytest.mark.skipif(not numpy_threads(), reason="NumPy has a BLAS whose threads can't be set")
def test_the_threads_are_one_within_the_block_and_as_before_after_it():
    with threadpool_limits(2):
        with single_blas_thread():
            assert numpy_threads() == {1}
        assert numpy_threads() == {2}
        with pytest.raises(KeyError), single_blas_thread():
            raise KeyError
        assert numpy_threads() == {2}


@pytest.mark.skipif(not numpy_threads(), reason="NumPy has a BLAS whose threads can't be set")
def test_a_generated_token_takes_one_thread(monkeypatch):
    seen, product = [], recurrent_numpy._product

    def counted(x, weight):
        seen.append(numpy_threads())
        return product(x, weight)

    monkeypatch.setattr(recurrent_numpy, "_product", counted)
    network = Recurrent(9, RecurrentConfig(hidden_size=8))
    with threadpool_limits(2):
        tokens = generate_tokens(network, torch.tensor([[1]]), SamplingConfig())
        assert len(list(itertools.islice(tokens, 3))) == 3
        assert seen
        assert all(threads == {1} for threads in seen)
        assert numpy_threads() == {2}
