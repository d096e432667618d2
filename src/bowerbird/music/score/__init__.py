"""Scores: notes, keys, meters, sections and repeats, before they are written or played."""
