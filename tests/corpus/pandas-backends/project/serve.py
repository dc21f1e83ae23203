import io

import pandas as pd
import uvicorn
from fastapi import FastAPI, Request

from readers import frame_of

app = FastAPI()


@app.post("/parquet")
async def parquet(request: Request):
    frame = frame_of(request.headers["content-type"], io.BytesIO(await request.body()))
    frame.to_parquet("/tmp/last.parquet", compression="zstd")
    return {"rows": len(frame), "means": frame.mean(numeric_only=True).to_dict(), "now": str(pd.Timestamp.now())}


if __name__ == "__main__":
    uvicorn.run(app, host="0.0.0.0", port=8000)
