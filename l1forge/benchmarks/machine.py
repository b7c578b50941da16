"""What this machine can do at most: dot-product instructions, float32 multiply-adds, memory reads."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from l1forge.benchmarks.timing import measure
from l1forge.emulator.kernel.native.machine import Machine, compile_object, host_target

CHAINS = 24
TURNS = 100_000


def _loop(kind: str, operation: str, declarations: str) -> str:
    """IR of a loop with ``CHAINS`` independent accumulators; ``operation`` takes {a} to a new value."""
    phis = "\n".join(
        f" %a{k} = phi {kind} [ zeroinitializer, %entry ], [ %b{k}, %loop ]" for k in range(CHAINS)
    )
    steps = "\n".join(f" %b{k} = {operation.format(a=f'%a{k}')}" for k in range(CHAINS))
    stores = "\n".join(
        f" %p{k} = getelementptr i8, ptr %scratch, i64 {64 * k + 64}\n"
        f" store {kind} %b{k}, ptr %p{k}, align 64"
        for k in range(CHAINS)
    )
    return f"""{declarations}
define i64 @kernel(ptr %inputs, ptr %outputs, ptr %scratch, i64 %first, i64 %last) {{
entry:
 %x = load {kind}, ptr %scratch, align 64
 br label %loop
loop:
 %i = phi i64 [ %first, %entry ], [ %next, %loop ]
{phis}
{steps}
 %next = add i64 %i, 1
 %more = icmp slt i64 %next, %last
 br i1 %more, label %loop, label %done
done:
{stores}
 ret i64 0
}}
"""


def _instruction_ns(text: str) -> float:
    machine = Machine(compile_object(text))
    scratch = np.zeros(64 * (CHAINS + 2), np.uint8)
    aligned = -(-scratch.ctypes.data // 64) * 64
    timing = measure(lambda: machine.call(None, None, aligned, 0, TURNS), TURNS * CHAINS, seconds=0.3)
    return min(timing.best, timing.cpu)


def float_madds_per_s() -> float:
    """float32 multiply-adds a second of one thread, 512-bit vectors."""
    kind = "<16 x float>"
    operation = f"call {kind} @llvm.fma.v16f32({kind} %x, {kind} %x, {kind} {{a}})"
    declaration = f"declare {kind} @llvm.fma.v16f32({kind}, {kind}, {kind})"
    return 16e9 / _instruction_ns(_loop(kind, operation, declaration))


def byte_madds_per_s() -> float | None:
    """8-bit multiply-adds a second of one thread with VNNI, None where the CPU lacks it."""
    if not host_target().dot_products:
        return None
    kind = "<16 x i32>"
    name = "@llvm.x86.avx512.vpdpbusd.512"
    cast = f"bitcast {kind} %x to <64 x i8>"
    text = _loop(kind, f"call {kind} {name}({kind} {{a}}, <64 x i8> %y, <64 x i8> %y)", "")
    text = text.replace(" br label %loop\n", f" %y = {cast}\n br label %loop\n", 1)
    return 64e9 / _instruction_ns(f"declare {kind} {name}({kind}, <64 x i8>, <64 x i8>)\n{text}")


def memory_bytes_per_s(threads: int, megabytes: int = 256) -> float:
    """Bytes a second that ``threads`` threads read from memory."""
    data = np.ones((threads, megabytes * 131072 // threads), np.int64)
    work: list[Callable[[], object]] = [row.max for row in data]

    def read() -> None:
        others = [threading.Thread(target=call) for call in work[1:]]
        for thread in others:
            thread.start()
        work[0]()
        for thread in others:
            thread.join()

    return 1e9 / measure(read, data.nbytes, seconds=0.5).best
