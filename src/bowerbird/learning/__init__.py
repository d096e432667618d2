"""Learning: steps, devices, weights; knows nothing of pixels, letters or notes."""
