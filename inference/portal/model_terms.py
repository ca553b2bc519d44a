"""What the models of the distribution say of themselves, for translators.

Rows keep it in English as their files have it; pages say it again by the catalogue (``|said``).
What other models say of themselves stays as it is.
"""

from __future__ import annotations

from django.utils.translation import gettext_noop as _

DESCRIPTIONS = (
    _("Body, bone and lung on CT by thresholds and connected components."),
    _("Brain MR: glioma, meningioma, pituitary tumour or none. Research only."),
    _("Breast ultrasound: benign, malignant or normal. Research only."),
    _("Chest radiograph: pneumonia, COVID-19 or no finding. Research only."),
    _("EfficientNet-lite0, blocks 0 to 12, mean and deviation: 384 numbers an image."),
    _("EfficientNet-lite0, five levels of an image and its mirror image: 768 numbers."),
    _("Heat-map detector: MONAI UNet on a slice and its two neighbours"),
    _("Modality and body part, by a linear head on the embedding."),
    _("White matter, grey matter and CSF on T1-weighted MR of the head, by a UNet."),
)
INTENDED_USES = (
    _("Research: sorting and search in an archive. Not for diagnosis."),
    _("demonstration of detection; not for diagnosis"),
    _("sorting and search in an archive; not for diagnosis"),
    _(
        "Volumes of white and grey matter of adults on T1-weighted MR of the whole head without "
        "contrast agent. Research and teaching; not for diagnosis."
    ),
)
