"""Tells whether a boiler's readings are unusual: temperature, pressure, flow and burner power."""

from fastapi import FastAPI
from model import Boiler
from pydantic import BaseModel, Field

app = FastAPI(title="boiler")
boiler = Boiler.load()


class Readings(BaseModel):
    """Rows of four numbers: degrees Celsius, bar, litres a minute, per cent."""

    rows: list[tuple[float, float, float, float]] = Field(min_length=1, max_length=1000)


@app.get("/health")
def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/unusual")
def unusual(readings: Readings) -> dict[str, list[bool]]:
    return {"unusual": boiler.unusual(readings.rows)}


@app.post("/second-opinion")
def second_opinion(readings: Readings) -> dict[str, list[float]]:
    """The distances from normal that the exported model sees."""
    import numpy as np
    import onnxruntime

    session = onnxruntime.InferenceSession("boiler.onnx")
    (distances,) = session.run(None, {"readings": np.asarray(readings.rows, dtype=np.float32)})
    return {"distances": distances.tolist()}
