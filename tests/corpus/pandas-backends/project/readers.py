import pandas as pd


def frame_of(kind, body):
    if "spreadsheetml" in kind:
        return pd.read_excel(body)
    if kind.startswith("text/html"):
        return pd.read_html(body)[0]
    if "hdf" in kind:
        return pd.read_hdf(body)
    return pd.read_csv(body)
