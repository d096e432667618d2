"""Dynamical systems: simulated, learned and run freely."""
