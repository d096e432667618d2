"""``bowerbird image``: making pictures."""
