"""`python -m dubber` is the command line `dubber`."""

from dubber.cli import main

if __name__ == "__main__":
    main()
