"""One measurement in a process of its own; prints one JSON object."""

import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as our command line does

import numpy as np
import torch


def loss_of_nanogpt(spec: dict) -> dict:
    """Measure nanoGPT's checkpoint on the whole validation text, window by window."""
    sys.path.insert(0, spec["nanogpt"])
    from model import GPT, GPTConfig  # noqa: PLC0415 - nanoGPT's own

    kept = torch.load(Path(spec["out"]) / "ckpt.pt", map_location="cpu", weights_only=False)
    network = GPT(GPTConfig(**kept["model_args"]))
    network.load_state_dict(kept["model"])
    network.eval()
    signs = torch.from_numpy(np.fromfile(spec["signs"], np.uint16).astype(np.int64))
    span = kept["model_args"]["block_size"]
    nats, count = 0.0, 0
    with torch.no_grad():
        for start in range(0, len(signs) - 1, span):
            some = signs[start : start + span + 1]
            _, loss = network(some[None, :-1], some[None, 1:])
            nats, count = nats + float(loss) * (len(some) - 1), count + len(some) - 1
    return {"nats": nats / count, "parameters": sum(p.numel() for p in network.parameters())}


def loss_of_ours(spec: dict) -> dict:
    """Measure our model on the same text: with carried state, and in nanoGPT's random windows."""
    from bowerbird.learning.sequences.batches import window_loss  # noqa: PLC0415
    from bowerbird.text import load  # noqa: PLC0415

    writer = load(spec["model"], "cpu")
    text = Path(spec["text"]).read_text(encoding="utf-8")
    signs = writer.alphabet.encode(text)
    windows = {f"windows of {n}": window_loss(writer.network, signs, window=n) for n in (64, 256)}
    parameters = sum(p.numel() for p in writer.network.parameters())
    return {"nats": writer.score(text).nats_per_char, "parameters": parameters, **windows}


def writing_of_ours(spec: dict) -> dict:
    """Time our writing without its start: batch of one, as a person would call it."""
    from bowerbird.text import GenerateConfig, SamplingConfig, load  # noqa: PLC0415

    writer = load(spec["model"], "cpu")
    config = GenerateConfig(spec["length"], sampling=SamplingConfig(temperature=0.8))
    writer.write("\n", GenerateConfig(200))
    began = time.perf_counter()
    text = writer.write("\n", config)[0]
    return {"seconds": time.perf_counter() - began, "characters": len(text)}


def writing_of_nanogpt(spec: dict) -> dict:
    """Time nanoGPT's ``generate`` as its sample.py calls it."""
    sys.path.insert(0, spec["nanogpt"])
    from model import GPT, GPTConfig  # noqa: PLC0415 - nanoGPT's own

    kept = torch.load(Path(spec["out"]) / "ckpt.pt", map_location="cpu", weights_only=False)
    network = GPT(GPTConfig(**kept["model_args"]))
    network.load_state_dict(kept["model"])
    network.eval()
    first = torch.zeros((1, 1), dtype=torch.long)
    with torch.no_grad():
        network.generate(first, 100, temperature=0.8, top_k=200)
        began = time.perf_counter()
        network.generate(first, spec["length"], temperature=0.8, top_k=200)
    return {"seconds": time.perf_counter() - began, "characters": spec["length"]}


if __name__ == "__main__":
    told = json.loads(sys.argv[1])
    print(json.dumps(globals()[told["job"]](told)))
