"""Generated street scenes to train on."""
