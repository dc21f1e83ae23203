from schema.upload import Upload

__all__ = ["Upload"]
