"""torchvision's models, each under its own name."""

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_models(register: Register) -> None:
    register(
        "*",
        "retinue.builtin.torchvision.models:create",
        summary="torchvision's models, such as torchvision/resnet18",
        lister="retinue.builtin.torchvision.names:names",
    )
