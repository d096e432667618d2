"""House numbers in photographs."""
