"""Read and write pictures; the domains share it."""
