"""Sequences of tokens: batches, training, sampling and evaluation of next-token prediction."""
