"""From the files that packages carry to networks in ONNX: imported only while installing."""
