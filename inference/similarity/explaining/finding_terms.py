"""Classes of the models that the program brings, in the reader's language."""

from __future__ import annotations

from typing import Final

from django.utils.translation import pgettext_lazy

# As the models write them, in lower case; what other models say is shown as they say it. A class
# named after an organ is told as that organ, whatever else the model may mean by it.
_CLASSES: Final = {
    "benign": pgettext_lazy("finding", "benign"),
    "covid-19": pgettext_lazy("finding", "COVID-19"),
    "covid19": pgettext_lazy("finding", "COVID-19"),
    "glioma": pgettext_lazy("finding", "glioma"),
    "lung nodule": pgettext_lazy("finding", "lung nodule"),
    "malignant": pgettext_lazy("finding", "malignant"),
    "meningioma": pgettext_lazy("finding", "meningioma"),
    "no finding": pgettext_lazy("finding", "no finding"),
    "normal": pgettext_lazy("finding", "normal"),
    "notumor": pgettext_lazy("finding", "no tumour"),
    "pituitary": pgettext_lazy("finding", "pituitary"),
    "pneumonia": pgettext_lazy("finding", "pneumonia"),
}


def class_words(label: str) -> str:
    """Return a class of a model as it is said within a sentence.

    Parameters
    ----------
    label : as the model writes it

    Returns
    -------
    words in the reader's language; empty where it is none of ours
    """
    known = _CLASSES.get(label.strip().lower().replace("_", " "))
    return "" if known is None else str(known)


def all_class_words() -> dict[str, str]:
    """Return the words of every class of ours.

    Returns
    -------
    words in the reader's language, by the class in lower case
    """
    return {label: str(words) for label, words in _CLASSES.items()}
