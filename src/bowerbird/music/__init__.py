"""The music craft: compose in the manner of any corpus of scores."""
