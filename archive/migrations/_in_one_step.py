"""Many models made at once: each step of its own would render all models related to it again."""

from django.db.migrations.operations import CreateModel
from django.db.migrations.operations.base import Operation


class InOneStep(Operation):
    """Create models as they are after all of the operations, which must be about these alone.

    Parameters
    ----------
    operations
        creations, and additions of fields, indexes and constraints to what they create
    """

    def __init__(self, operations):
        self.operations = operations

    @property
    def _created(self):
        return [one.name for one in self.operations if isinstance(one, CreateModel)]

    def state_forwards(self, app_label, state):
        # Models that were rendered are rendered anew once, not at each operation.
        state.__dict__.pop("apps", None)
        for one in self.operations:
            one.state_forwards(app_label, state)

    def database_forwards(self, app_label, schema_editor, from_state, to_state):
        for name in self._created:
            model = to_state.apps.get_model(app_label, name)
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.create_model(model)

    def database_backwards(self, app_label, schema_editor, from_state, to_state):
        for name in reversed(self._created):
            model = from_state.apps.get_model(app_label, name)
            if self.allow_migrate_model(schema_editor.connection.alias, model):
                schema_editor.delete_model(model)

    def describe(self):
        return f"Create {len(self._created)} models"
