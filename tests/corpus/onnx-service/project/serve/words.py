import regex

NOISE = regex.compile(r"\p{So}+")


def clean(text):
    return NOISE.sub(" ", text).strip()
