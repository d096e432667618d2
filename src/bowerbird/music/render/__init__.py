"""Music to hear and to see: sound, sheet music, piano roll, page."""
