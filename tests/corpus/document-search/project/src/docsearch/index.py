import faiss
from sentence_transformers import SentenceTransformer

from .languages import usable
from .readers import read


class Index:
    def __init__(self):
        self.model = SentenceTransformer("all-MiniLM-L6-v2")
        self.vectors = faiss.IndexFlatIP(384)
        self.names = []

    def add(self, name):
        text = read(name)
        if usable(text):
            self.vectors.add(self.model.encode([text]))
            self.names.append(name)
