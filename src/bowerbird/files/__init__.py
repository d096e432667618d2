"""Files: atomic writes, downloads, delimited text. Used by all other packages."""
