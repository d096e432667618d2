"""``bowerbird vision``: a file for each kind of thing that is seen."""
