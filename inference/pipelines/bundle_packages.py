"""Packages that a bundle needs and that an installation may lack: said before it is run."""

from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from inference.errors import BundleRunError

_CONFIGS = ("inference.json", "inference.yaml", "inference.yml")
# What MONAI builds with torchvision: RetinaNet with its anchors and feature pyramids.
_WITH_TORCHVISION = ("monai.apps.detection", "retinanet", "torchvision")
# torch 2.13 goes with torchvision 0.28, and so on.
_BETWEEN_RELEASES = 15


def require_packages(bundle_dir: Path) -> None:
    """Refuse a bundle whose packages are not installed.

    Parameters
    ----------
    bundle_dir : folder of the bundle

    Raises
    ------
    BundleRunError
        It names what to install.
    """
    if needs_torchvision(bundle_dir) and find_spec("torchvision") is None:
        raise BundleRunError(
            "This bundle needs torchvision, which is not installed: "
            f"pip install '{_matching_torchvision()}', then start the workers again."
        )


def needs_torchvision(bundle_dir: Path) -> bool:
    """Whether a bundle's configuration names what MONAI builds with torchvision.

    Parameters
    ----------
    bundle_dir : folder of the bundle
    """
    paths = (bundle_dir / "configs" / name for name in _CONFIGS)
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file())
    return any(word in text.casefold() for text in texts for word in _WITH_TORCHVISION)


def _matching_torchvision() -> str:
    try:
        major, minor, *_ = version("torch").split(".")
        release = int(minor) + _BETWEEN_RELEASES
    except (PackageNotFoundError, ValueError):
        return "torchvision"
    return f"torchvision==0.{release}.*" if major == "2" else "torchvision"
