import os

import redis
from fastapi import FastAPI, HTTPException
from shared import Queue

app = FastAPI()
queue = Queue(os.environ["REDIS_URL"])


@app.post("/recordings/{name}")
def submit(name: str):
    try:
        queue.put({"recording": name})
    except redis.ConnectionError:
        raise HTTPException(503) from None
