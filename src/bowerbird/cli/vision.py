"""``bowerbird vision``: digits, numbers, classify, localize, detect, segment, see."""
