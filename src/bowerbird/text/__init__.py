"""The text craft: write in the manner of any corpus."""
