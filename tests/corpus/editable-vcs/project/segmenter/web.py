import spacy
from flask import Flask, jsonify, request

from segmenter.model import cut

app = Flask(__name__)
language = spacy.load("en_core_web_sm")


@app.post("/cut")
def cut_out():
    nouns = [chunk.text for chunk in language(request.form["text"]).noun_chunks]
    return jsonify(cut(request.files["picture"], nouns))
