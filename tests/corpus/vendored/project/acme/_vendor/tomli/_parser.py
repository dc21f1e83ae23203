def load(file):
    return loads(file.read().decode())


def loads(text):
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {key.strip(): value.strip().strip('"') for key, _, value in pairs}
