import io

import torch
from fastapi import FastAPI, UploadFile
from PIL import Image
from pydantic import BaseModel
from torchvision.models import ResNet18_Weights, resnet18

app = FastAPI()
weights = ResNet18_Weights.DEFAULT
model = resnet18(weights=weights).eval()


class Answer(BaseModel):
    label: str
    sure: float


@app.post("/classify")
async def classify(file: UploadFile) -> Answer:
    picture = Image.open(io.BytesIO(await file.read())).convert("RGB")
    with torch.inference_mode():
        sure, index = model(weights.transforms()(picture)[None]).softmax(1)[0].max(0)
    return Answer(label=weights.meta["categories"][index], sure=sure.item())
