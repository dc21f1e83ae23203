"""Scores customers with the churn model (a scikit-learn pipeline, logged by the data science team)."""
import os

import mlflow
import pandas as pd
from fastapi import FastAPI

app = FastAPI()
model = mlflow.pyfunc.load_model(os.environ["MODEL"])


@app.post("/score")
def score(rows: list[dict]):
    return {"scores": list(model.predict(pd.DataFrame(rows)))}
