"""The brain tissue network: a MONAI UNet that works on blocks of two voxels a side."""

import torch
from monai.networks.nets.unet import UNet
from monai.networks.utils import pixelshuffle, pixelunshuffle
from torch import nn

BLOCK = 2
CLASSES = 4
CHANNELS = (24, 32, 40, 48, 48)
_FEATURES = 24
_BLOCK_VOXELS = BLOCK**3


class BrainTissueNet(nn.Module):
    """Background, white matter, grey matter and CSF of a head at 1 mm.

    Blocks of 2x2x2 voxels become channels first, so that the convolutions run on an eighth of the
    positions and still see every voxel; the last layer says the classes of all eight again.
    """

    def __init__(self) -> None:
        super().__init__()
        self.body = UNet(
            spatial_dims=3,
            in_channels=_BLOCK_VOXELS,
            out_channels=_FEATURES,
            channels=CHANNELS,
            strides=(1, 2, 2, 2),
            num_res_units=0,
            act=("leakyrelu", {"negative_slope": 0.05, "inplace": True}),
            norm=("instance", {"affine": True}),
        )
        joined = _FEATURES + _BLOCK_VOXELS
        self.head = nn.Sequential(
            nn.InstanceNorm3d(joined, affine=True),
            nn.LeakyReLU(0.05),
            nn.Conv3d(joined, 32, kernel_size=3, padding=1),
            nn.LeakyReLU(0.05),
            nn.Conv3d(32, CLASSES * _BLOCK_VOXELS, kernel_size=1),
        )

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Return (N, 4, X, Y, Z) logits of an (N, 1, X, Y, Z) image, sides multiples of 16."""
        blocks = pixelunshuffle(image, 3, BLOCK)
        joined = torch.cat([self.body(blocks), blocks], dim=1)
        return pixelshuffle(self.head(joined), 3, BLOCK)
