"""The runtimes that `emoji_speed.py` compares: what each makes of a PyTorch network."""

from __future__ import annotations

import copy
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
import torch._inductor.config as inductor
from torch import Tensor, nn

from noisewalk.models.nets.prepacked import prepack
from noisewalk.models.precision import convert_precision

Call = Callable[[], Tensor]
Inputs = tuple[Tensor, ...]
RUNTIMES = ("torch", "bf16", "compiled", "openvino", "openvino-bf16", "onnxruntime", "onnxruntime-int8")


def prepare(runtime: str, network: nn.Module, inputs: Inputs) -> Call:
    """Return a call of the network in a runtime, ready to be timed."""
    if runtime in ("torch", "bf16", "compiled"):
        copied = copy.deepcopy(network)
        dtype = torch.float32 if runtime == "torch" else torch.bfloat16
        wrapped = convert_precision(copied, dtype, runtime)
        call = wrapped(_compiled(copied) if runtime == "compiled" else _packed(copied))
        *pictures, read, mask = inputs
        given = (*pictures, read.to(dtype), mask)  # as the network itself reads
        return lambda: call(*given)
    if runtime.startswith("openvino"):
        return _openvino(network, inputs, "bf16" if runtime.endswith("bf16") else "f32")
    return _onnxruntime(network, inputs, int8=runtime.endswith("int8"))


def _packed(network: nn.Module) -> nn.Module:
    prepack(network)
    return network


def _compiled(network: nn.Module) -> Callable[..., Tensor]:
    inductor.freezing = True  # weights are packed while compiling
    compiled: Callable[..., Tensor] = torch.compile(network)
    return compiled


def _openvino(network: nn.Module, inputs: Inputs, precision: str) -> Call:
    import openvino

    model = openvino.convert_model(network, example_input=inputs, input=[tuple(each.shape) for each in inputs])
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": torch.get_num_threads()}
    compiled = openvino.Core().compile_model(model, "CPU", {**options, "PERFORMANCE_HINT": "LATENCY"})
    arrays = [each.contiguous().numpy() for each in inputs]
    return lambda: torch.from_numpy(compiled(arrays)[0])


def _onnxruntime(network: nn.Module, inputs: Inputs, int8: bool) -> Call:
    import onnxruntime
    from onnxruntime.quantization import CalibrationDataReader, quant_pre_process, quantize_static

    names = [f"input{i}" for i in range(len(inputs))]
    feed = {name: each.contiguous().numpy() for name, each in zip(names, inputs, strict=True)}

    class Once(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.rest = [feed]

        def get_next(self) -> object:
            return self.rest.pop() if self.rest else None

    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "network.onnx")
        program = torch.onnx.export(network, inputs, input_names=names, dynamo=True, verbose=False)
        assert program is not None
        program.save(path)
        if int8:
            quant_pre_process(path, path)
            quantize_static(path, path, Once(), op_types_to_quantize=["Conv"], per_channel=True)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return lambda: torch.from_numpy(session.run(None, feed)[0])


def available(runtime: str) -> bool:
    package = runtime.split("-")[0]
    needs = {"openvino": ("openvino",), "onnxruntime": ("onnxruntime", "onnx", "onnxscript")}.get(package, ())
    return all(importlib.util.find_spec(each) for each in needs)
