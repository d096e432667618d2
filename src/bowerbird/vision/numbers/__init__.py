"""House numbers: scenes to learn from and the learning; they are read in house_numbers.py."""
