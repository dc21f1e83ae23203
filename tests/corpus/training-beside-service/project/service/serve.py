import io

import litserve
import torch
from fastapi import UploadFile
from PIL import Image
from torchvision.transforms.v2 import functional

from leaves.network import Leaves


class Api(litserve.LitAPI):
    def setup(self, device):
        self.network = Leaves().eval().to(device)
        self.network.load_state_dict(torch.load("leaves.pt", weights_only=True))

    def decode_request(self, request: UploadFile):
        picture = Image.open(io.BytesIO(request.file.read())).resize((224, 224))
        return functional.to_dtype(functional.pil_to_tensor(picture), torch.float32, scale=True)

    def predict(self, picture):
        return self.network(picture[None]).argmax(1).item()

    def encode_response(self, output):
        return {"leaf": output}


if __name__ == "__main__":
    litserve.LitServer(Api()).run(port=8000)
