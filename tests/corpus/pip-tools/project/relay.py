import os

import requests
from flask import Flask, request
from werkzeug.utils import secure_filename

app = Flask(__name__)


@app.post("/")
def relay():
    file = request.files["file"]
    answer = requests.post(os.environ["TARGET"], files={secure_filename(file.filename): file.stream}, timeout=30)
    return answer.text, answer.status_code


if __name__ == "__main__":
    app.run(port=8080)
