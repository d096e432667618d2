"""The loss trains the network, and a resumed pool is the pool it was."""

import numpy as np
import torch

from bowerbird.learning.config import TrainerConfig
from bowerbird.learning.trainer import train_steps
from bowerbird.networks.multi_digit import MultiDigit, most_probable
from bowerbird.vision.house_numbers.config import ScenePoolConfig
from bowerbird.vision.house_numbers.task import HouseNumberTask, finder_loss


def pool_config(batch_size, finder_batch_size, pool_size, new_scenes_per_step):
    return ScenePoolConfig(batch_size, finder_batch_size, pool_size, new_scenes_per_step, 2)


def test_it_overfits_one_batch(plain_scene, small_network):
    torch.manual_seed(0)
    scenes = [plain_scene(k) for k in range(12)]
    network = MultiDigit(small_network)
    config = pool_config(12, 2, 12, 1)
    task = HouseNumberTask(network, lambda k: scenes[k % 12], lambda k: scenes[k], config)
    batch = task._batch(scenes, 2, np.random.default_rng(0), training=True)
    task.loss = lambda net: task._loss(net, batch)
    trainer = TrainerConfig(
        iterations=120, learning_rate=1e-2, warmup_steps=10, ema_decay=0, validate_every=1000
    )
    losses = [step.losses["total"] for step in train_steps(task, trainer)]
    assert losses[-1] < losses[0] / 4
    with torch.no_grad():
        length, _, _ = most_probable(network.read(batch.crops))
    assert (length == batch.lengths).float().mean() > 0.8


def test_ignored_cells_have_no_gradient():
    labels = torch.tensor([[[1.0, 0.0, -1.0]]])
    batch = type("Batch", (), {"labels": labels, "sides": torch.zeros(1, 4, 1, 3)})()
    cells = torch.zeros(1, 5, 1, 3, requires_grad=True)
    finder_loss(cells, batch).backward()
    assert cells.grad[0, 0, 0, 0] < 0 < cells.grad[0, 0, 0, 1]
    assert cells.grad[0, 0, 0, 2] == 0


def test_a_resumed_pool_is_the_pool_it_was(plain_scene, small_network):
    config = pool_config(2, 1, 5, 2)
    tasks = [
        HouseNumberTask(MultiDigit(small_network), plain_scene, plain_scene, config)
        for _ in range(2)
    ]
    for _ in range(4):
        tasks[0].loss(tasks[0].network)
    tasks[1].load_state_dict(tasks[0].state_dict())
    assert [s.text for s in tasks[1].pool] == [s.text for s in tasks[0].pool]
