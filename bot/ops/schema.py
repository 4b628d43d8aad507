"""The JSON Schema of the config, for editors: completion, descriptions, ranges, and defaults as they are written."""

from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaWarningKind
from pydantic_core import PydanticUndefined

from bot import __version__
from bot.runtime import settings as written
from bot.runtime import settings_book as book
from bot.runtime import settings_service as service
from bot.runtime import settings_targets as targets
from bot.runtime import settings_triggers as triggers
from bot.runtime.fields import Quantity, Written
from bot.runtime.section import Section
from bot.runtime.settings import DEFAULT_STATE_DIR, Settings

DIALECT = "https://json-schema.org/draft/2020-12/schema"


class _Quiet(GenerateJsonSchema):
    """Defaults are values with units, which pydantic cannot write; `_as_written` does."""

    ignored_warning_kinds: set[JsonSchemaWarningKind] = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012 - as declared above it


def schema() -> dict[str, Any]:
    """The schema as a JSON document (draft 2020-12)."""
    document = Settings.model_json_schema(schema_generator=_Quiet)
    definitions = document["$defs"]
    for model in _models():
        shape = document if model is Settings else definitions.get(model.__name__)
        if shape is not None:
            for name, field in model.model_fields.items():
                _as_written(shape["properties"][name], field)
    document["properties"]["state_dir"]["default"] = str(DEFAULT_STATE_DIR)
    return {"$schema": DIALECT, "$comment": f"Trimtab {__version__}"} | document | {"title": "Trimtab configuration"}


def _models() -> list[type[BaseModel]]:
    named = {**vars(written), **vars(book), **vars(service), **vars(targets), **vars(triggers)}.values()
    found = {model for model in named if isinstance(model, type) and issubclass(model, Section)}
    return sorted(found, key=lambda model: model.__name__)


def _as_written(shape: dict[str, Any], field: FieldInfo) -> None:
    """Replace a default by its text, and add what is allowed to what the field is for."""
    mark = next((mark for mark in field.metadata if isinstance(mark, Written)), None)
    shape.pop("default", None)
    if mark is not None:
        shape["description"] = " ".join(filter(None, [field.description, f"Allowed: {mark.allowed}."]))
    if field.is_required() or field.default is None or field.default is PydanticUndefined:
        return
    if isinstance(mark, Quantity):
        shape["default"] = f"{mark.show(field.default)} {mark.example_unit}".rstrip()
    elif mark is not None:
        shape["default"] = mark.show(field.default)
    elif isinstance(field.default, str | int | bool):
        shape["default"] = field.default
