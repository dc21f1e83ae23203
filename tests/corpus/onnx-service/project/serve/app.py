import numpy as np
import onnxruntime as ort
from huggingface_hub import hf_hub_download
from sanic import Sanic, json
from tokenizers import Tokenizer

from serve.words import clean

app = Sanic("sentiment")
tokenizer = Tokenizer.from_file(hf_hub_download("example/sentiment", "tokenizer.json"))
session = ort.InferenceSession(hf_hub_download("example/sentiment", "model.onnx"))


@app.post("/")
async def sentiment(request):
    words = tokenizer.encode(clean(request.json["text"]))
    (logits,) = session.run(None, {"input_ids": np.array([words.ids])})
    return json({"positive": float(logits[0, 1] > logits[0, 0])})
