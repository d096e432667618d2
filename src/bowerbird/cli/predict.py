"""``bowerbird predict``: table, series."""
