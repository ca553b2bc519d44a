"""A folder of labelled images that are easy to tell apart."""

from pathlib import Path

import numpy as np
from PIL import Image

_HEADER = "file,label,group,modality,body_part,patient,licence,source,source_file"


def make_striped_set(folder: Path, *, count: int = 30) -> Path:
    """Write stripes across as chest CT and stripes down as brain MR, one patient an image."""
    random = np.random.default_rng(0)
    rows = [_HEADER]
    stripes = np.tile(np.repeat([40, 220], 4), 8)
    ground = np.tile(stripes, (64, 1))
    for index in range(count):
        is_ct = index % 2 == 0
        image = (ground if is_ct else ground.T) + random.integers(-20, 20, (64, 64))
        Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(folder / f"{index}.png")
        pair = "CT,CHEST" if is_ct else "MR,BRAIN"
        rows.append(f"{index}.png,x,g,{pair},p{index},CC0,made here,{index}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n")
    return folder
