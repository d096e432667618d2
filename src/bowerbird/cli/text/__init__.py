"""``bowerbird text``: one module for each verb."""
