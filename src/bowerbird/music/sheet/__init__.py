"""From notes in ticks to notation: bars, values, names of pitches, staves, MusicXML."""
