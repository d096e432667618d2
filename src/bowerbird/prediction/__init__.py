"""The prediction craft: tables and series, with error bars."""
