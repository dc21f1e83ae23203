from .base import *

TEST_RUNNER = "xmlrunner.extra.djangotestrunner.XMLTestRunner"
