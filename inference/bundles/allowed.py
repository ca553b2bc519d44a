"""What a bundle may name without being trusted: parts of MONAI and torch that only compute."""

from __future__ import annotations

import re

_TRANSFORMS = (
    "Activations AsChannelLast AsDiscrete CastToType CenterSpatialCrop "
    "CropForeground DivisiblePad EnsureChannelFirst EnsureType FillHoles Flip "
    "GaussianSharpen GaussianSmooth HistogramNormalize KeepLargestConnectedComponent "
    "LabelToContour LoadImage MeanEnsemble MedianSmooth NormalizeIntensity Orientation "
    "RemoveSmallObjects Resize ResizeWithPadOrCrop Rotate90 ScaleIntensity ScaleIntensityRange "
    "ScaleIntensityRangePercentiles SpatialCrop SpatialPad Spacing SqueezeDim "
    "ThresholdIntensity ToTensor Transpose VoteEnsemble Zoom"
)
_DICTIONARY_ONLY = "Compose CopyItemsd ConcatItemsd DeleteItemsd Invertd SaveImaged SelectItemsd"
_NETWORKS = (
    "AHNet AttentionUnet BasicUNet BasicUNetPlusPlus DenseNet DenseNet121 DenseNet169 "
    "DenseNet201 DenseNet264 DynUNet EfficientNetBN FlexibleUNet HighResNet ResNet resnet10 "
    "resnet18 resnet34 resnet50 SEResNet50 AutoEncoder Unet MedNeXt SegResNet SegResNetDS "
    "SegResNetVAE SwinUNETR TorchVisionFCModel UNet UNETR ViT VNet ViTAutoEnc Classifier Regressor"
)
_INFERERS = "SimpleInferer SlidingWindowInferer SliceInferer SaliencyInferer"
_LAYERS = (
    "Sequential Conv1d Conv2d Conv3d ConvTranspose2d ConvTranspose3d BatchNorm1d BatchNorm2d "
    "BatchNorm3d InstanceNorm2d InstanceNorm3d GroupNorm LayerNorm Linear ReLU LeakyReLU PReLU "
    "ELU GELU SiLU Sigmoid Softmax Tanh Dropout Dropout2d Dropout3d MaxPool2d MaxPool3d "
    "AvgPool2d AvgPool3d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool2d "
    "AdaptiveMaxPool3d Flatten Identity Upsample"
)

_MONAI_ROOMS = frozenset({"transforms", "networks", "inferers", "data"})
_MONAI_NAMES = frozenset(
    [
        *_TRANSFORMS.split(),
        *(f"{name}{suffix}" for name in _TRANSFORMS.split() for suffix in ("d", "D", "Dict")),
        *_DICTIONARY_ONLY.split(),
        *_NETWORKS.split(),
        *_INFERERS.split(),
    ]
)
_LAYER_NAMES = frozenset(_LAYERS.split())

# Arguments by which an allowed part would read, fetch or write elsewhere, or call something.
_FORBIDDEN_ARGUMENTS = frozenset(
    {"reader", "writer", "output_name_formatter", "output_dtype", "allow_pickle", "pretrained"}
)
_LOADING = frozenset({"keys", "image_only", "ensure_channel_first", "simple_keys", "dtype"})
_SAVING = frozenset(
    {"keys", "output_dir", "output_postfix", "output_ext", "separate_folder", "resample"}
    | {"print_log", "dtype", "allow_missing_keys", "mode", "padding_mode"}
)
_OUTPUT_FOLDER = "@output_dir"
_IMAGE_SUFFIXES = (".nii", ".nii.gz")

# What torch's own weight files name (`torch.save` of a state dict); all else is code.
_WEIGHT_GLOBALS = frozenset(
    {
        "collections OrderedDict",
        "torch Size",
        "torch device",
        "torch._utils _rebuild_tensor_v2",
        "torch._utils _rebuild_tensor",
        "torch._utils _rebuild_parameter",
        "torch._tensor _rebuild_from_type_v2",
        "torch.serialization _get_layout",
        "torch.nn.parameter Parameter",
        "_codecs encode",
    }
)

# torch.float32, torch.bfloat16, torch.uint8, torch.bool and the like.
_KIND_OF_NUMBER = re.compile(r"^(?:bool|half|double|long|short|float|int|(?:b?float|u?int)\d+)$")


def may_name_target(target: object) -> bool:
    """Whether a ``_target_`` is on the list of parts that only compute.

    Parameters
    ----------
    target : the entry's value: a name that MONAI finds itself, or a full one
    """
    if not isinstance(target, str):
        return False
    *path, name = target.split(".")
    if not path:
        return name in _MONAI_NAMES
    if path == ["torch", "nn"]:
        return name in _LAYER_NAMES
    return (
        path[0] == "monai"
        and (len(path) == 1 or path[1] in _MONAI_ROOMS)
        and (name in _MONAI_NAMES)
    )


def forbidden_arguments(target: str, arguments: dict[str, object]) -> list[str]:
    """Return the arguments that an allowed part may not be given.

    Parameters
    ----------
    target : as for `may_name_target`
    arguments : the entry without its ``_target_``
    """
    name = target.rsplit(".", 1)[-1]
    found = [key for key in arguments if key in _FORBIDDEN_ARGUMENTS]
    if arguments.get("_mode_", "default") not in {"default", "callable"}:
        found.append("_mode_")
    named = [key for key in arguments if not key.startswith("_")]
    if name.startswith("LoadImage"):
        found += [key for key in named if key not in _LOADING]
    if name.startswith("SaveImage"):
        found += [key for key in named if key not in _SAVING]
        if arguments.get("output_dir") != _OUTPUT_FOLDER:
            found.append("output_dir")
        if arguments.get("output_ext", ".nii.gz") not in _IMAGE_SUFFIXES:
            found.append("output_ext")
    return sorted(set(found))


def may_name_in_weights(name: str) -> bool:
    """Whether a file of weights may name this, as ``module attribute``."""
    module, _, attribute = name.partition(" ")
    if module in {"torch", "torch.storage"} and attribute.endswith("Storage"):
        return True
    if module == "torch" and _KIND_OF_NUMBER.match(attribute):
        return True
    return name in _WEIGHT_GLOBALS
