"""Which device a model runs on; said with every result."""


def choose_device() -> str:
    """Return the best device of this machine.

    Returns
    -------
    ``cuda`` where torch finds a usable GPU, else ``cpu``
    """
    import torch  # noqa: PLC0415 asking must not cost a process that never runs a model

    return "cuda" if torch.cuda.is_available() else "cpu"
