# -*- coding: latin-1 -*-
"""Beträge, in Worten und in Ziffern."""
from babel.numbers import format_currency
from num2words import num2words


def in_worten(cent):
    größe = format_currency(cent / 100, "EUR", locale="de")
    return f"{größe} ({num2words(cent / 100, lang='de', to='currency')})"
