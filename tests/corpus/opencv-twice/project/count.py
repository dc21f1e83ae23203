import sys

import cv2
import numpy as np
from ultralytics import YOLO

model = YOLO("yolo11n.pt")
seen = set()
video = cv2.VideoCapture(sys.argv[1])
while True:
    ok, frame = video.read()
    if not ok:
        break
    for result in model.track(np.ascontiguousarray(frame), persist=True):
        if result.boxes.id is not None:
            seen.update(result.boxes.id.int().tolist())
print(len(seen))
