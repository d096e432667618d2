"""What a network sees, as pictures: the parts of see.py."""
