from typing import Annotated

from fastapi import FastAPI, File, Request, UploadFile
from fastapi.responses import ORJSONResponse
from fastapi.templating import Jinja2Templates
from pydantic import BaseModel, EmailStr

app = FastAPI(default_response_class=ORJSONResponse)
pages = Jinja2Templates("app/pages")


class Subscriber(BaseModel):
    email: EmailStr


@app.get("/")
def index(request: Request):
    return pages.TemplateResponse(request, "index.html")


@app.post("/subscribe")
def subscribe(subscriber: Subscriber):
    return subscriber


@app.post("/upload")
async def upload(file: Annotated[UploadFile, File()]):
    return {"bytes": len(await file.read())}
