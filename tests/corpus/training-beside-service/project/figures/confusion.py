import matplotlib.pyplot as plt
from sklearn.metrics import ConfusionMatrixDisplay

ConfusionMatrixDisplay.from_predictions([0, 1], [0, 1])
plt.savefig("confusion.png")
