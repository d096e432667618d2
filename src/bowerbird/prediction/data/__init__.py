"""Tables from delimited files: columns, numbers, dates, units, categories."""
