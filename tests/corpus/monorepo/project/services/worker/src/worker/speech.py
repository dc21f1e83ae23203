import torch
import torchaudio

bundle = torchaudio.pipelines.WAV2VEC2_ASR_BASE_960H
model = bundle.get_model()


@torch.inference_mode()
def transcribe(path):
    wave, rate = torchaudio.load(path)  # by way of soundfile
    emission, _ = model(torchaudio.functional.resample(wave, rate, bundle.sample_rate))
    return "".join(bundle.get_labels()[index] for index in emission[0].argmax(-1).unique_consecutive())
