import bentoml
import torch
from diffusers import StableDiffusionXLPipeline


@bentoml.service(resources={"gpu": 1})
class Painter:
    def __init__(self) -> None:
        self.pipeline = StableDiffusionXLPipeline.from_pretrained(
            "stabilityai/stable-diffusion-xl-base-1.0", torch_dtype=torch.float16, variant="fp16"
        ).to("cuda")
        self.pipeline.load_lora_weights("ink.safetensors")
        self.pipeline.enable_xformers_memory_efficient_attention()

    @bentoml.api
    def paint(self, prompt: str) -> list:
        return self.pipeline(prompt).images
