"""``python -m bowerbird`` is the command ``bowerbird``."""

from bowerbird.cli import main

if __name__ == "__main__":
    main()
