"""torch's and torchvision's own parts under string names."""

from retinue.hooks import Register, hookimpl


@hookimpl
def retinue_tasks(register: Register) -> None:
    pass


@hookimpl
def retinue_datasets(register: Register) -> None:
    pass


@hookimpl
def retinue_transforms(register: Register) -> None:
    pass


@hookimpl
def retinue_models(register: Register) -> None:
    pass


@hookimpl
def retinue_losses(register: Register) -> None:
    pass


@hookimpl
def retinue_metrics(register: Register) -> None:
    pass


@hookimpl
def retinue_optimizers(register: Register) -> None:
    pass


@hookimpl
def retinue_schedulers(register: Register) -> None:
    pass


@hookimpl
def retinue_callbacks(register: Register) -> None:
    pass
