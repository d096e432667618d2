"""The tour: every craft makes something, offline, into one folder with an index.html."""
