"""Notation: a score in measures, note values, spelled pitches and voices on staves."""
