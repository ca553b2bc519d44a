"""Kept metadata of Implicit VR files is made again when it is asked for: its VRs were wrong.

Overlays were UN there, and numbers inside sequences lost their sign. It takes nothing that the
files don't hold, so there is no way back, and none is needed.
"""

from django.db import migrations

_FORGET = """
    DELETE FROM archive_instancemetadata AS kept USING archive_instance AS instance
    WHERE instance.id = kept.instance_id AND instance.transfer_syntax_uid = '1.2.840.10008.1.2'
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0031_audit_summary")]

    operations = [migrations.RunSQL(_FORGET, migrations.RunSQL.noop)]
