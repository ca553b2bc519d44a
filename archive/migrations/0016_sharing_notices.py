"""A notice on every change of grants and emergencies, as of memberships (0009).

A share link needs none: its visitor is looked up at each request.
"""

from django.db import migrations

CREATE = """
CREATE TRIGGER studygrant_rights
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON archive_studygrant
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();

CREATE TRIGGER breakglass_rights
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON archive_breakglass
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();
"""
DROP = """
DROP TRIGGER breakglass_rights ON archive_breakglass;
DROP TRIGGER studygrant_rights ON archive_studygrant;
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0015_portal_and_rights")]

    operations = [migrations.RunSQL(CREATE, DROP)]
