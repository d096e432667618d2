"""``bowerbird vision``: one module for each kind of task."""
