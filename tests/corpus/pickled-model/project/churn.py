import joblib
import pandas as pd
from fastapi import FastAPI

app = FastAPI()
pipeline = joblib.load("pipeline.joblib")


@app.post("/churn")
def churn(customers: list[dict]):
    return {"churn": pipeline.predict_proba(pd.DataFrame(customers))[:, 1].tolist()}
