import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

NAME = "mistralai/Mistral-7B-Instruct-v0.3"
tokenizer = AutoTokenizer.from_pretrained(NAME)
model = AutoModelForCausalLM.from_pretrained(
    NAME,
    device_map="auto",
    torch_dtype=torch.bfloat16,
    quantization_config=BitsAndBytesConfig(load_in_4bit=True) if torch.cuda.is_available() else None,
)
if adapter := os.environ.get("ADAPTER"):
    model.load_adapter(adapter)


@torch.inference_mode()
def answer(question: str) -> str:
    words = tokenizer(question, return_tensors="pt").to(model.device)
    return tokenizer.decode(model.generate(**words, max_new_tokens=200)[0], skip_special_tokens=True)
