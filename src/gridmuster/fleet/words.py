"""What a part of a fleet should have been, in plain words: field, type, bounds and meaning."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from gridmuster.errors import Fault
from gridmuster.fleet.devices import ID_PATTERN
from gridmuster.fleet.place import Part, Place, did_you_mean, listed, shown

SCALAR_WORDS: Final[dict[type, str]] = {
    float: "a number",
    int: "a whole number",
    bool: "true or false",
    str: "text",
}
#: What pydantic's faults mean; bounds come from the fault's own context.
LIMIT_WORDS: Final[dict[str, str]] = {
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "must be at least {ge:g}",
    "less_than": "must be below {lt:g}",
    "less_than_equal": "must be at most {le:g}",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "string_type": "must be text",
    "enum": "is not one of those known",
    "literal_error": "is not one of those known",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "model_type": "must be a block of fields",
    "model_attributes_type": "must be a block of fields",
    "dict_type": "must be a block of fields",
    "invalid_key": "a field's name must be text",
}


def faults_of(error: ValidationError, model: type[BaseModel], place: Place) -> Iterator[Fault]:
    """Every fault that pydantic found in one part of a fleet, in plain words.

    Args:
        error: what pydantic raised.
        model: the part's class.
        place: where the part stands.
    """
    items = error.errors(include_url=False)
    places = [tuple(item["loc"]) for item in items]
    for item, loc in zip(items, places, strict=True):
        deeper = any(len(p) > len(loc) and p[: len(loc)] == loc for p in places)
        if item["type"] == "too_short" and deeper:
            # Pydantic leaves out what is wrong inside, then finds too few.
            continue
        parts = _untagged(model, loc)
        owner, field = field_at(model, parts)
        value = "nothing" if item["type"] == "missing" else shown(item["input"])
        limit, expected = _words(item["type"], item, parts, owner, field)
        yield place.fault(*parts, value=value, limit=limit, expected=expected)


def _words(
    kind: str,
    item: Mapping[str, Any],
    parts: Sequence[Part],
    owner: type[BaseModel] | None,
    field: FieldInfo | None,
) -> tuple[str, str]:
    """The rule that was broken and what is expected instead."""
    name = str(parts[-1]) if parts else ""
    wanted = "see the fleet file's documentation"
    if field is not None:
        wanted = expected_of(field, depth=sum(isinstance(part, int) for part in parts))
    if kind == "extra_forbidden" and owner is not None:
        known = list(owner.model_fields)
        limit = f"{word_for(owner)} has no field {name}{did_you_mean(name, known)}"
        return limit, f"one of {listed(known)}"
    if kind in ("union_tag_not_found", "union_tag_invalid") and field is not None:
        tags = listed(tag for one in get_args(field.annotation) for tag in tags_of(one))
        given = kind == "union_tag_invalid"
        return "there is no such type" if given else "its type is required", f"type: one of {tags}"
    if kind == "missing":
        if isinstance(parts[-1], int):
            return "an entry is missing", wanted
        return f"{name} is required", wanted
    if kind == "string_pattern_mismatch":
        return (
            "an id has letters, digits, and _ . : - after the first, at most 128 in all",
            "an id like north-tower-07",
        )
    words = LIMIT_WORDS.get(kind)
    limit = words.format(**item.get("ctx", {})) if words else str(item["msg"])
    if kind in ("enum", "literal_error") and isinstance(item["input"], str) and field is not None:
        limit += did_you_mean(item["input"], choices_of(field.annotation))
    if kind == "string_type":
        wanted = f"{wanted}, in quotes"
    return limit, wanted


def tags_of(model: Any) -> list[str]:
    """The types that tell a class from the others of its union; none of what is no such class."""
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    field = model.model_fields.get("type")
    return [] if field is None else choices_of(field.annotation)


def _untagged(model: type[BaseModel], parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """A path without the types that pydantic puts into it, which no file has."""
    kept: list[Part] = []
    for part in parts:
        _, field = field_at(model, kept)
        is_tag = field is not None and any(part in tags_of(one) for one in _classes(field, kept))
        if not is_tag:
            kept.append(part)
    return tuple(kept)


def _classes(field: FieldInfo, parts: Sequence[Part]) -> tuple[Any, ...]:
    """The classes that a field may be of, for a path that ends with the field itself."""
    is_union = get_origin(field.annotation) in (Union, types.UnionType)
    return get_args(field.annotation) if is_union and isinstance(parts[-1], str) else ()


def word_for(model: type[BaseModel]) -> str:
    """A class of the fleet as a reader knows it: ``EmergencyGenerator`` is emergency generator."""
    text = "".join(
        f" {letter.lower()}" if letter.isupper() else letter for letter in model.__name__
    )
    return text.strip()


def expected_of(field: FieldInfo, depth: int = 0) -> str:
    """What a field wants: its type, its bounds and its meaning with the unit.

    Args:
        field: the field.
        depth: how many lists deep inside the field.
    """
    annotation = field.annotation
    for _ in range(depth):
        bare = bare_type(annotation)
        annotation = get_args(bare)[0] if get_origin(bare) is tuple else annotation
    text = type_words(annotation)
    bounds = _bounds(field)
    if any(getattr(item, "pattern", None) == ID_PATTERN for item in _metadata(field)):
        text = "an id"
    if bounds:
        text = f"{text} {bounds}"
    return f"{text}: {field.description}" if field.description else text


def _metadata(field: FieldInfo) -> list[Any]:
    """What a field's type is bound by, also where the type may be left out."""
    found = list(field.metadata)
    for part in get_args(field.annotation):
        for known in getattr(part, "__metadata__", ()):
            found += known.metadata if isinstance(known, FieldInfo) else [known]
    return found


def type_words(annotation: Any) -> str:
    """A type in words: a number, text, one of a few words, a list, a block of fields."""
    bare = bare_type(annotation)
    choices = choices_of(bare)
    if get_origin(bare) in (Union, types.UnionType) and tags_of(get_args(bare)[0]):
        return "a block"
    if choices:
        return choices[0] if len(choices) == 1 else f"one of {listed(choices)}"
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        return f"a block with {listed(bare.model_fields)}"
    if get_origin(bare) in (tuple, list):
        return f"a list of {plural(bare_type(get_args(bare)[0]))}"
    return SCALAR_WORDS.get(bare, "a value")


def plural(annotation: Any) -> str:
    """What a list holds, in words."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"blocks with {listed(annotation.model_fields)}"
    if get_origin(annotation) is tuple:
        return "lists"
    return {str: "words", float: "numbers"}.get(annotation, "blocks")


def _bounds(field: FieldInfo) -> str:
    words = []
    for item in field.metadata:
        for name, word in (
            ("gt", "above"),
            ("ge", "at least"),
            ("lt", "below"),
            ("le", "at most"),
        ):
            bound = getattr(item, name, None)
            if bound is not None:
                words.append(f"{word} {bound:g}")
    return " and ".join(words)


def bare_type(annotation: Any) -> Any:
    """A type without its None: ``float | None`` is ``float``."""
    if get_origin(annotation) in (Union, types.UnionType):
        kept = [arg for arg in get_args(annotation) if arg is not type(None)]
        annotation = kept[0] if len(kept) == 1 else annotation
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def choices_of(annotation: Any) -> list[str]:
    """The words a type allows, when it allows only a few."""
    bare = bare_type(annotation)
    if get_origin(bare) is Literal:
        return [str(choice) for choice in get_args(bare)]
    if isinstance(bare, type) and issubclass(bare, StrEnum):
        return [member.value for member in bare]
    return []


def _deeper(annotation: Any) -> Any:
    """The class to look for fields in: of a union of blocks the first, they have the same."""
    is_union = get_origin(annotation) in (Union, types.UnionType)
    return get_args(annotation)[0] if is_union else annotation


def field_at(
    model: type[BaseModel], parts: Sequence[Part]
) -> tuple[type[BaseModel] | None, FieldInfo | None]:
    """The class that holds the last part of a path, and that part's field.

    Args:
        model: the class at the start of the path.
        parts: names and indices.

    Returns:
        The class (None below a list of plain values) and the field (None when there is none).
    """
    here: Any = model
    owner: type[BaseModel] | None = model
    field: FieldInfo | None = None
    for part in parts:
        if isinstance(here, type) and issubclass(here, BaseModel):
            owner, field = here, here.model_fields.get(str(part))
            here = _deeper(bare_type(field.annotation)) if field is not None else None
        elif get_origin(here) is tuple:
            owner, here = None, bare_type(get_args(here)[0])
    return owner, field
