"""Run once by hand: writes model.onnx."""
import onnx
import torch
from optimum.exporters.onnx import main_export
from transformers import AutoModelForSequenceClassification

model = AutoModelForSequenceClassification.from_pretrained("example/sentiment")
with torch.no_grad():
    main_export("example/sentiment", output="out")
onnx.checker.check_model("out/model.onnx")
