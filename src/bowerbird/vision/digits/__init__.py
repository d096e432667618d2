"""Handwritten digits on pages."""
