import os

from fastapi import FastAPI
from sqlalchemy import create_engine, select
from sqlalchemy.ext.asyncio import create_async_engine

from app.models import Item

app = FastAPI()
engine = create_engine(os.environ.get("DATABASE_URL", "postgresql+psycopg2://app@db/app"))
cache = create_async_engine("sqlite+aiosqlite:///cache.db")


@app.get("/items")
def items():
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(select(Item))]
