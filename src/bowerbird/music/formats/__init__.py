"""Files of music: MIDI, ABC, MusicXML, Kern; read and written."""
