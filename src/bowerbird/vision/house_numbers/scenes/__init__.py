"""Generated street scenes with house numbers, to train on."""
