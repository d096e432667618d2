"""Music as tokens: vocabularies, tokenizers and their grammars."""
