def kind_of(data):
    return "image/png" if data.startswith(b"\x89PNG") else "application/octet-stream"
