"""The music craft: compose in the manner of a corpus of tunes, hear it and read it."""
