"""Text of a file, whatever it is."""
from __future__ import annotations

from pathlib import Path

import docx
import fitz
import magic
import speech_recognition as sr
from unidecode import unidecode


def read(path: Path) -> str:
    kind = magic.from_file(str(path), mime=True)
    if kind == "application/pdf":
        with fitz.open(path) as pages:
            return "\n".join(page.get_text() for page in pages)
    if kind.endswith("wordprocessingml.document"):
        return "\n".join(paragraph.text for paragraph in docx.Document(str(path)).paragraphs)
    if kind.startswith("audio/"):
        return _listen(path)
    return unidecode(path.read_text(errors="replace"))


def _listen(path: Path) -> str:
    recognizer = sr.Recognizer()
    with sr.AudioFile(str(path)) as source:
        return recognizer.recognize_google(recognizer.record(source))
