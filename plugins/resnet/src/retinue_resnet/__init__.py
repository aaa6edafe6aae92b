"""ResNets for Retinue: ImageNet's, and the CIFAR ResNets of He et al. (2015)."""
