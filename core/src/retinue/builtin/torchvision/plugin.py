"""torchvision's models, each under its own name."""

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_models(register: Register) -> None:
    pass
