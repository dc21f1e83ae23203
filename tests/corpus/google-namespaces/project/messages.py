import json


def encode(name: str, seconds: int) -> bytes:
    return json.dumps({"name": name, "seconds": seconds}).encode()
