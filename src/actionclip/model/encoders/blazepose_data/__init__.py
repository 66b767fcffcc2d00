"""BlazePose's two networks as ONNX files, made by `benchmarks/blazepose_networks.py`."""
