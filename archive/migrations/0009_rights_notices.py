"""A notice on every change of what tokens, accounts and memberships allow.

Who keeps such rows in memory for some seconds (`archive.models.rights_watch`) listens to it and
forgets them at once. `last_used_at` and `last_login` change all the time and allow nothing.
"""

from django.db import migrations

CREATE = """
CREATE FUNCTION archive_rights_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('twinsight_rights', '');
    RETURN NULL;
END
$$;

CREATE TRIGGER membership_rights
AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON archive_membership
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();

CREATE TRIGGER apitoken_rights
AFTER UPDATE OF user_id, digest, scopes, project_id, expires_at, revoked_at
OR DELETE OR TRUNCATE ON archive_apitoken
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();

CREATE TRIGGER project_rights
AFTER UPDATE OR DELETE OR TRUNCATE ON archive_project
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();

CREATE TRIGGER user_rights
AFTER UPDATE OF is_active, is_superuser, is_staff
OR DELETE OR TRUNCATE ON auth_user
FOR EACH STATEMENT EXECUTE FUNCTION archive_rights_changed();
"""
DROP = """
DROP TRIGGER user_rights ON auth_user;
DROP TRIGGER project_rights ON archive_project;
DROP TRIGGER apitoken_rights ON archive_apitoken;
DROP TRIGGER membership_rights ON archive_membership;
DROP FUNCTION archive_rights_changed();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("archive", "0008_store_statement"),
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [migrations.RunSQL(CREATE, DROP)]
