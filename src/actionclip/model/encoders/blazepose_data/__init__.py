"""BlazePose's two networks as ONNX files, and the script that makes them."""
