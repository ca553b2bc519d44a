"""A web process loads what requests need before the first of them comes."""

import subprocess
import sys

_PROGRAM = """
import gc, sys
from django.conf import settings
from deploy.wsgi import application
assert "archive.dicomweb.urls" not in sys.modules
from deploy.settled import settle
settle()
for name in ("archive.dicomweb.urls", "archive.portal.worklist", "inference.portal.views"):
    assert name in sys.modules
from django.template import Engine
(loader,) = Engine.get_default().template_loaders
for language in ("en", "de", "es", "zh-hans"):
    for page in ("base.html", "worklist/study_list.html", "similarity/similar_page.html"):
        assert f"{language}:/:{page}" in loader.get_template_cache, page
assert gc.get_freeze_count() > 100_000, gc.get_freeze_count()
assert "torch" not in sys.modules
"""


def test_settled_process_has_views_and_pages_and_leaves_them_out_of_collections():
    command = [sys.executable, "-c", _PROGRAM]
    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
