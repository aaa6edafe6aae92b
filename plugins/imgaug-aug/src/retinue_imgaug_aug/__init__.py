"""imgaug's augmenters for Retinue, on pictures and masks together."""
