"""Networks: tensors in, tensors out; torch and nothing of ours."""
