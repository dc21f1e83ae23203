"""A service that reads handwritten digits: POST /predict, GET /health, GET /metrics."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from observability import LOGGING, MODEL_LOAD, Metrics
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from model import Digits

WEIGHTS = Path(__file__).with_name("model.safetensors")
log = logging.getLogger("digits")

Pixel = Annotated[float, Field(ge=0, le=16, allow_inf_nan=False)]
Image = Annotated[list[Pixel], Field(min_length=64, max_length=64, description="8 rows of 8 pixels, 0 to 16")]


class Question(BaseModel):
    """What is asked: up to 64 images."""

    images: Annotated[list[Image], Field(min_length=1, max_length=64)]


class Prediction(BaseModel):
    """The most likely digit of an image, and how likely each of the ten is."""

    digit: int
    probabilities: list[float]


class Answer(BaseModel):
    """What is answered: one prediction an image, in order."""

    predictions: list[Prediction]


def answer(network: Digits, question: Question) -> Answer:
    """The network's answer."""
    from model import probabilities  # noqa: PLC0415  (torch is imported by the loading thread, not at start)

    rows = probabilities(network, question.images)
    return Answer(
        predictions=[
            Prediction(digit=row.index(max(row)), probabilities=[round(share, 6) for share in row]) for row in rows
        ]
    )


def load(app: FastAPI) -> None:
    """Import torch and load the model, then turn healthy. A service that cannot load its model stops."""
    started = time.perf_counter()
    try:
        from model import load as load_model  # noqa: PLC0415  (takes a second; /health answers meanwhile)

        app.state.network = load_model(WEIGHTS)
    except Exception:
        log.exception("the model cannot be loaded")
        os.kill(os.getpid(), signal.SIGTERM)
        return
    MODEL_LOAD.set(time.perf_counter() - started)
    log.info("the model is ready after %.2f s", time.perf_counter() - started)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the port at once and load the model beside it."""
    app.state.network = None
    threading.Thread(target=load, args=(app,), name="load", daemon=True).start()
    yield


app = FastAPI(title="digits", version="1.0", lifespan=lifespan)
app.add_middleware(Metrics)


def ready(request: Request) -> Digits:
    """The loaded network, or a 503 that says to come back."""
    network: Digits | None = request.app.state.network
    if network is None:
        raise HTTPException(503, "the model is still loading", headers={"Retry-After": "1"})
    return network


@app.get("/")
def about() -> dict[str, str]:
    """What this service is."""
    return {"service": app.title, "version": app.version, "docs": "/docs"}


@app.get("/health")
async def health(request: Request) -> dict[str, str]:
    """200 once the model is loaded and warm, 503 before."""
    ready(request)
    return {"status": "ok"}


@app.get("/metrics")
async def metrics() -> Response:
    """Metrics in Prometheus's text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/predict")
def predict(question: Question, request: Request) -> Answer:
    """The digits in the images. Runs in a worker thread, so that other requests are answered meanwhile."""
    return answer(ready(request), question)


@app.exception_handler(RequestValidationError)
async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    """422 with the place and the reason of each problem, and without the input, which may be long."""
    problems = [
        {"where": ".".join(str(part) for part in problem["loc"]), "problem": problem["msg"]}
        for problem in error.errors()[:10]
    ]
    return JSONResponse({"detail": problems}, status_code=422)


def main() -> int:
    """Serve until SIGTERM or SIGINT, then finish the requests under way. 1 when there was no model to serve."""
    uvicorn.run(
        app,
        host=os.environ.get("HOST", "0.0.0.0"),  # noqa: S104  (a container is reached from outside)
        port=int(os.environ.get("PORT", "8000")),
        log_config=LOGGING,
        timeout_graceful_shutdown=10,
    )
    return 0 if app.state.network else 1


if __name__ == "__main__":
    sys.exit(main())
