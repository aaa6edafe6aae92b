"""`python -m retinue` is the command `retinue`."""

from retinue.cli import main

if __name__ == "__main__":
    main()
