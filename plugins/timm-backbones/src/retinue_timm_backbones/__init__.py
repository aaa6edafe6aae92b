"""Every model of timm for Retinue, as classifier and as encoder."""
