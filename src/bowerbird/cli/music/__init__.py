"""``bowerbird music``: one module for each verb."""
