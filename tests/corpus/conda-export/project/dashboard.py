import altair as alt
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import streamlit as st

from clusters import clusters

frame = pd.read_csv("wine.csv")
st.title("Wines")
frame["cluster"] = clusters(frame)
st.altair_chart(alt.Chart(frame).mark_point().encode(x="alcohol", y="hue", color="cluster:N"))
figure, axes = plt.subplots()
axes.hist(np.log(frame["price"]))
st.pyplot(figure)
