try:
    import orjson

    dumps = orjson.dumps
except ImportError:
    try:
        import ujson as json
    except ModuleNotFoundError:
        import json

    def dumps(value):
        return json.dumps(value).encode()

try:
    import brotlicffi as brotli
except ImportError:
    import brotli

compress = brotli.compress
