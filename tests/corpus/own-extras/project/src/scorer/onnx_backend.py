import numpy as np

try:
    import onnxruntime
except ImportError as error:
    raise ImportError("pip install scorer[onnx]") from error


class OnnxBackend:
    def score(self, rows):
        session = onnxruntime.InferenceSession("model.onnx")
        return session.run(None, {"rows": np.asarray(rows, dtype=np.float32)})[0]
