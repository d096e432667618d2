"""Pictures in files and in tensors: reading, writing, colors. Shared by image and vision."""
