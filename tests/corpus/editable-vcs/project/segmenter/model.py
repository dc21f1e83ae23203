import clip
import torch
from segment_anything import SamPredictor, sam_model_registry

model, prepare = clip.load("ViT-B/32")
predictor = SamPredictor(sam_model_registry["vit_b"]("sam_vit_b.pth"))


@torch.no_grad()
def cut(picture, nouns):
    text = model.encode_text(clip.tokenize(nouns))
    predictor.set_image(prepare(picture))
    return predictor.predict()[0][: len(text)].tolist()
