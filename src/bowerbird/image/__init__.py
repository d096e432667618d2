"""The image craft: make pictures in the manner of other pictures."""
