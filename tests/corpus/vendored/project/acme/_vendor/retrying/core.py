import functools

import idna
import urllib3


def retry(times):
    def decorate(function):
        @functools.wraps(function)
        def again(*arguments):
            for left in reversed(range(times)):
                try:
                    return function(*arguments)
                except (urllib3.exceptions.HTTPError, idna.IDNAError):
                    if not left:
                        raise
        return again
    return decorate
