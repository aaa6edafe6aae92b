"""U-Net (Ronneberger et al., 2015) for Retinue, with its own encoder or any other that gives a pyramid."""
