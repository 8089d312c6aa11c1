"""ONNX models of each operation, run by ONNX Runtime and by the onnx package's own evaluator."""
