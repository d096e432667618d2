"""From notes to what stands on staves: measures, rhythm, spelling, chords."""
