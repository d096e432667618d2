"""Learners whose predictions are blended with those of the networks, and the blend."""
