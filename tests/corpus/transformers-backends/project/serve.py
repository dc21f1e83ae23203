from fastapi import FastAPI

from model import answer

app = FastAPI()


@app.post("/answer")
def ask(question: str):
    return {"answer": answer(question)}
