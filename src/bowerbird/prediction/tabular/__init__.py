"""Predict a column of a table from the others, with intervals."""
