from marshmallow import Schema, fields


class Upload(Schema):
    name = fields.Str()
