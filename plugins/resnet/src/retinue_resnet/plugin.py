"""The ResNets by name: of He et al. (2015) for ImageNet and for CIFAR, ResNeXt and Wide ResNet."""

from __future__ import annotations

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_models(register: Register) -> None:
    imagenet = "retinue_resnet.imagenet"
    register("resnet18", f"{imagenet}:resnet18", summary="ResNet-18 for photographs (He et al., 2015)")
    register("resnet34", f"{imagenet}:resnet34", summary="ResNet-34 for photographs (He et al., 2015)")
    register("resnet50", f"{imagenet}:resnet50", summary="ResNet-50 v1.5 for photographs (He et al., 2015)")
    register("resnet101", f"{imagenet}:resnet101", summary="ResNet-101 v1.5 for photographs (He et al., 2015)")
    register("resnet152", f"{imagenet}:resnet152", summary="ResNet-152 v1.5 for photographs (He et al., 2015)")
    register("resnext50-32x4d", f"{imagenet}:resnext50_32x4d", summary="ResNeXt-50 32x4d (Xie et al., 2016)")
    register("resnext101-32x8d", f"{imagenet}:resnext101_32x8d", summary="ResNeXt-101 32x8d (Xie et al., 2016)")
    register("resnext101-64x4d", f"{imagenet}:resnext101_64x4d", summary="ResNeXt-101 64x4d (Xie et al., 2016)")
    register("wide-resnet50-2", f"{imagenet}:wide_resnet50_2", summary="Wide ResNet-50-2 (Zagoruyko et al., 2016)")
    register("wide-resnet101-2", f"{imagenet}:wide_resnet101_2", summary="Wide ResNet-101-2 (Zagoruyko et al., 2016)")

    cifar = "retinue_resnet.cifar"
    register("resnet20", f"{cifar}:resnet20", summary="ResNet-20 for small pictures such as CIFAR's (He et al., 2015)")
    register("resnet32", f"{cifar}:resnet32", summary="ResNet-32 for small pictures such as CIFAR's (He et al., 2015)")
    register("resnet44", f"{cifar}:resnet44", summary="ResNet-44 for small pictures such as CIFAR's (He et al., 2015)")
    register("resnet56", f"{cifar}:resnet56", summary="ResNet-56 for small pictures such as CIFAR's (He et al., 2015)")
    register(
        "resnet110", f"{cifar}:resnet110", summary="ResNet-110 for small pictures such as CIFAR's (He et al., 2015)"
    )
