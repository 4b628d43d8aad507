"""Where settings come from: one document, the config file with the TRIMTAB_ variables over it, and nothing else.

pydantic-settings' own sources are not asked. Its environment source passes over a variable that fits no field, where
a misspelt limit must be an error, and neither it nor its YAML source keeps the line that a value stands in.
"""

from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from bot.runtime.document import Document


class DocumentSource(PydanticBaseSettingsSource):
    """Hands over what a document holds, unjudged: the models find what is wrong, the document knows where it stands."""

    def __init__(self, settings_cls: type[BaseSettings], document: Document) -> None:
        super().__init__(settings_cls)
        self._document = document

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """One field's value, as it is written; nothing in it is left to decode."""
        return self._document.at(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        """Everything that is written, unknown keys too: that they are unknown is for the models to say."""
        return dict(self._document.mapping())
