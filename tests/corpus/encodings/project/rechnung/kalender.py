import datetime

import holidays
import openpyxl

FEIERTAGE = holidays.Germany()


def fällig():
    tag = datetime.date.today() + datetime.timedelta(days=14)
    while tag in FEIERTAGE or tag.weekday() > 4:
        tag += datetime.timedelta(days=1)
    return tag.strftime("%d.%m.%Y")


def liste(pfad):
    return openpyxl.load_workbook(pfad).active.values
