"""The audit trail is added to and never changed, and its seals name the record that was.

The triggers refuse whoever the database role is; a superuser who switches them off is found by
the chain. Test databases are emptied between tests.
"""

from django.db import migrations, models

CREATE = """
CREATE FUNCTION archive_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' AND current_database() LIKE 'test\\_%' THEN
        RETURN NULL;
    END IF;
    RAISE EXCEPTION 'the audit trail is only added to' USING ERRCODE = '42501';
END
$$;

CREATE TRIGGER auditevent_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON archive_auditevent
FOR EACH STATEMENT EXECUTE FUNCTION archive_append_only();

CREATE TRIGGER auditseal_append_only
BEFORE UPDATE OR DELETE OR TRUNCATE ON archive_auditseal
FOR EACH STATEMENT EXECUTE FUNCTION archive_append_only();
"""
DROP = """
DROP TRIGGER auditseal_append_only ON archive_auditseal;
DROP TRIGGER auditevent_append_only ON archive_auditevent;
DROP FUNCTION archive_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("archive", "0017_merged_patients")]

    operations = [
        migrations.AddField(
            model_name="auditseal",
            name="marks",
            field=models.BinaryField(db_default=b"", default=bytes),
        ),
        migrations.CreateModel(
            name="AuditDelivery",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("destination", models.CharField(max_length=255, unique=True)),
                ("last_event", models.BigIntegerField(default=0)),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("error", models.CharField(blank=True, max_length=255)),
                ("retry_at", models.DateTimeField(blank=True, null=True)),
                ("delivered_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "audit deliveries",
                "ordering": ["destination"],
            },
        ),
        migrations.RunSQL(CREATE, DROP),
    ]
