"""Text files that several domains read and write."""
