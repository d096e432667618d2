"""Pictures in files and in tensors: reading, writing, colors. Crafts that look at them share it."""
