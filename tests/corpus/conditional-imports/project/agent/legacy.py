import simplejson


class Old:
    def __init__(self, text):
        self.value = simplejson.loads(text, use_decimal=True)
