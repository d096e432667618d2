"""The vision craft: tell what is in a picture, where, and what the network saw."""
