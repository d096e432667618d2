"""Networks: tensors in, tensors out. Imports nothing else of the package."""
