"""CPU or CUDA, decided from what code, requirements and settings show; and who brings CUDA."""
