"""One measurement in a process of its own; prints one JSON object."""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the command line does

import numpy as np
import torch


def _nanogpt(spec: dict) -> tuple[torch.nn.Module, int]:
    """Return nanoGPT's trained network and its context length."""
    sys.path.insert(0, spec["nanogpt"])
    from model import GPT, GPTConfig  # noqa: PLC0415 - nanoGPT's own

    checkpoint = torch.load(Path(spec["out"]) / "ckpt.pt", map_location="cpu", weights_only=False)
    network = GPT(GPTConfig(**checkpoint["model_args"]))
    network.load_state_dict(checkpoint["model"])
    return network.eval(), checkpoint["model_args"]["block_size"]


def loss_of_nanogpt(spec: dict) -> dict:
    """Evaluate nanoGPT's checkpoint on the whole validation text, window by window."""
    network, context_length = _nanogpt(spec)
    ids = torch.from_numpy(np.fromfile(spec["ids"], np.uint16).astype(np.int64))
    nats, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(ids) - 1, context_length):
            window = ids[start : start + context_length + 1]
            _, loss = network(window[None, :-1], window[None, 1:])
            nats, count = nats + float(loss) * (len(window) - 1), count + len(window) - 1
    return {"nats": nats / count, "parameters": sum(p.numel() for p in network.parameters())}


@torch.no_grad()
def window_loss(
    network: torch.nn.Module,
    stream: np.ndarray,
    *,
    sequence_length: int = 256,
    windows: int = 2000,
    seed: int = 0,
) -> float:
    """Return the mean loss of random windows without a past, in nats per token, as nanoGPT does."""
    from bowerbird.learning.sequences.batches import next_token_loss  # noqa: PLC0415

    random = np.random.default_rng(seed)
    length = min(sequence_length, len(stream) - 1)
    starts = random.integers(0, len(stream) - length, size=windows)
    training = network.training
    network.eval()
    losses = []
    for some in np.array_split(starts, -(-windows // 64)):
        both = np.stack([stream[s : s + length + 1] for s in some]).astype(np.int64)
        tokens = torch.from_numpy(both)
        logits, _ = network(tokens[:, :-1])
        losses.append(float(next_token_loss(logits, tokens[:, 1:])) * len(some))
    network.train(training)
    return sum(losses) / windows


def loss_of_ours(spec: dict) -> dict:
    """Evaluate our model on the same text: with carried state, and in nanoGPT's random windows."""
    from bowerbird.text import load  # noqa: PLC0415

    generator = load(spec["model"], "cpu")
    network, text = generator.network, Path(spec["text"]).read_text(encoding="utf-8")
    ids = generator.tokenizer.encode(text)
    windows = {f"windows of {n}": window_loss(network, ids, sequence_length=n) for n in (64, 256)}
    parameters = sum(p.numel() for p in network.parameters())
    return {"nats": generator.evaluate(text).nats_per_char, "parameters": parameters, **windows}


def generation_of_ours(spec: dict) -> dict:
    """Time our generation without its start: batch of one, as a person would call it."""
    from bowerbird.text import GenerateConfig, SamplingConfig, load  # noqa: PLC0415

    generator = load(spec["model"], "cpu")
    config = GenerateConfig(spec["length"], sampling=SamplingConfig(temperature=0.8))
    generator.generate("\n", GenerateConfig(200))
    began = time.perf_counter()
    text = generator.generate("\n", config)[0]
    return {"seconds": time.perf_counter() - began, "characters": len(text)}


def generation_of_nanogpt(spec: dict) -> dict:
    """Time nanoGPT's ``generate`` as its sample.py calls it."""
    network, _ = _nanogpt(spec)
    first = torch.zeros((1, 1), dtype=torch.long)
    with torch.no_grad():
        network.generate(first, 100, temperature=0.8, top_k=200)
        began = time.perf_counter()
        network.generate(first, spec["length"], temperature=0.8, top_k=200)
    return {"seconds": time.perf_counter() - began, "characters": spec["length"]}


if __name__ == "__main__":
    spec = json.loads(sys.argv[1])
    print(json.dumps(globals()[spec["job"]](spec)))
