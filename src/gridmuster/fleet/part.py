"""What all parts of a fleet have in common: frozen, strict, and called by stable ids."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$"
FleetId = Annotated[str, Field(pattern=ID_PATTERN, description="stable id, unique in its kind")]


class Part(BaseModel):
    """Base of every part of a fleet: frozen, no unknown fields, no not-a-number."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
