"""Nested expressions (ListOps): tree-LSTM against LSTM."""
