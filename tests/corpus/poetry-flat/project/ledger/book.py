from decimal import Decimal

from pydantic import BaseModel, field_validator


class Entry(BaseModel):
    text: str
    cents: int

    @field_validator("text")
    @classmethod
    def not_empty(cls, value: str) -> str:
        return value.strip() or "?"

    @property
    def amount(self) -> Decimal:
        return Decimal(self.cents) / 100
