"""The demo: one example of everything, made offline, in one folder with an index.html."""
