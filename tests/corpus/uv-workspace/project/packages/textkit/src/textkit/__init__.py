from rapidfuzz import fuzz, process


def nearest(name: str, known: list[str]) -> str:
    return process.extractOne(name, known, scorer=fuzz.WRatio)[0]
