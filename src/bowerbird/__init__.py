"""Bowerbird: learn a manner from examples and make new things in it."""
