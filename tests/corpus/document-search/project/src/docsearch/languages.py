from langdetect import DetectorFactory, detect

DetectorFactory.seed = 0
KNOWN = {"en", "de", "fr"}


def usable(text):
    return detect(text) in KNOWN
