"""``bowerbird predict``: a file for each kind of thing that is predicted."""
