"""Handwritten digits: pages with them and the learning; single ones are read in digits.py."""
