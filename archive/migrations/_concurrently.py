"""Steps of migrations without a transaction, which may have been broken off before."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db.migrations.operations import CreateModel


class AddIndexAnew(AddIndexConcurrently):
    """Build an index; what a former try has left of it goes first.

    Without a transaction nothing is taken back: an index that was being built when the program was
    ended stays, unusable, and has the name.
    """

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        name = schema_editor.quote_name(self.index.name)
        schema_editor.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
        super().database_forwards(app_label, schema_editor, from_state, to_state)


class CreateModelOnce(CreateModel):
    """Make a table where a former try has not made it already."""

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        if table not in schema_editor.connection.introspection.table_names():
            super().database_forwards(app_label, schema_editor, from_state, to_state)
