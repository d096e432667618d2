"""Notes, keys, meters and sections: what music is before it is written or played."""
