"""Worker threads that wait outside of Python: a kernel hands its own arguments to them and goes on with its first share.

A sleeping processor takes a tenth of a millisecond to wake, as long as many a kernel runs. So a worker that has nothing to do looks
for work for about a millisecond, giving way to whoever else wants its processor, and only then sleeps; and it never holds Python's
lock. Each has a slot of memory that the caller writes and the worker clears:

    state   1: there is work        thread  its number              call     the function, of the kernel itself
    asleep  1: wake it by `signal`  signal  a semaphore of libc     arguments of the kernel, copied

Imported only when a kernel is compiled or runs on several threads: it imports llvmlite.
"""

from __future__ import annotations

import ctypes
import functools
import mmap
import platform
import threading

from .threads import MOST

SLOT = 4096  # bytes for each worker
ARGUMENTS = 256  # where they begin in a slot

_X86, _ARM = "@llvm.x86.sse2.pause()", "@llvm.aarch64.hint(i32 1)"  # tell the processor that this loop waits
_PAUSE = {"x86_64": _X86, "AMD64": _X86, "aarch64": _ARM, "arm64": _ARM}

# thread, state and asleep have cache lines of their own: offsets 0, 64, 128; call is at 8, signal at 192.
# `look` pauses and looks 32 times, then lets others run; it gives up after `rounds` of that if `rounds` is not negative.
_CODE = """
declare i32 @sem_init(ptr, i32, i32)
declare i32 @sem_post(ptr)
declare i32 @sem_wait(ptr)
declare i32 @sched_yield()
declare void {pause_declared}
declare void @llvm.memcpy.p0.p0.i64(ptr, ptr, i64, i1)

define internal i1 @look(ptr %state, i64 %wanted, i64 %rounds) {{
start:
  br label %round
round:
  %k = phi i64 [0, %start], [%next_k, %give_way]
  %enough = icmp eq i64 %k, %rounds
  br i1 %enough, label %gave_up, label %turn
turn:
  %i = phi i64 [0, %round], [%next_i, %wait]
  %found = load atomic i64, ptr %state seq_cst, align 8
  %is = icmp eq i64 %found, %wanted
  br i1 %is, label %seen, label %wait
wait:
  call void {pause}
  %next_i = add i64 %i, 1
  %more = icmp slt i64 %next_i, 32
  br i1 %more, label %turn, label %give_way
give_way:
  call i32 @sched_yield()
  %next_k = add i64 %k, 1
  br label %round
seen:
  ret i1 true
gave_up:
  ret i1 false
}}

define void @tinygrad_lite_begin(ptr %slot, i64 %thread) {{
  %asleep = getelementptr i8, ptr %slot, i64 128
  %state = getelementptr i8, ptr %slot, i64 64
  %signal = getelementptr i8, ptr %slot, i64 192
  store i64 0, ptr %state
  store i64 0, ptr %asleep
  store i64 %thread, ptr %slot
  call i32 @sem_init(ptr %signal, i32 0, i32 0)
  ret void
}}

define void @tinygrad_lite_serve(ptr %slot, i64 %rounds) {{
start:
  %state = getelementptr i8, ptr %slot, i64 64
  %asleep = getelementptr i8, ptr %slot, i64 128
  %call = getelementptr i8, ptr %slot, i64 8
  %signal = getelementptr i8, ptr %slot, i64 192
  %arguments = getelementptr i8, ptr %slot, i64 {arguments}
  %thread = load i64, ptr %slot
  br label %idle
idle:
  %soon = call i1 @look(ptr %state, i64 1, i64 %rounds)
  br i1 %soon, label %work, label %tired
tired:
  %before = atomicrmw xchg ptr %asleep, i64 1 seq_cst
  br label %sleepy
sleepy:
  %found = load atomic i64, ptr %state seq_cst, align 8
  %is = icmp eq i64 %found, 1
  br i1 %is, label %work, label %sleep
sleep:
  call i32 @sem_wait(ptr %signal)
  br label %sleepy
work:
  %awake = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %function = load ptr, ptr %call
  call void %function(ptr %arguments, i64 %thread)
  store atomic i64 0, ptr %state seq_cst, align 8
  br label %idle
}}

define void @tinygrad_lite_post(ptr %function, ptr %arguments, i64 %size, i64 %count) {{
start:
  br label %one
one:
  %i = phi i64 [1, %start], [%next, %posted]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %write, label %done
write:
  %offset = mul i64 %i, {slot}
  %slot = getelementptr i8, ptr inttoptr (i64 {team} to ptr), i64 %offset
  %call = getelementptr i8, ptr %slot, i64 8
  %state = getelementptr i8, ptr %slot, i64 64
  %asleep = getelementptr i8, ptr %slot, i64 128
  %signal = getelementptr i8, ptr %slot, i64 192
  %to = getelementptr i8, ptr %slot, i64 {arguments}
  call void @llvm.memcpy.p0.p0.i64(ptr %to, ptr %arguments, i64 %size, i1 false)
  store ptr %function, ptr %call
  store atomic i64 1, ptr %state seq_cst, align 8
  %was = atomicrmw xchg ptr %asleep, i64 0 seq_cst
  %sleeps = icmp eq i64 %was, 1
  br i1 %sleeps, label %wake, label %posted
wake:
  call i32 @sem_post(ptr %signal)
  br label %posted
posted:
  %next = add i64 %i, 1
  br label %one
done:
  ret void
}}

define void @tinygrad_lite_join(i64 %count) {{
start:
  br label %one
one:
  %i = phi i64 [1, %start], [%next, %wait]
  %more = icmp slt i64 %i, %count
  br i1 %more, label %wait, label %done
wait:
  %offset = mul i64 %i, {slot}
  %slot = getelementptr i8, ptr inttoptr (i64 {team} to ptr), i64 %offset
  %state = getelementptr i8, ptr %slot, i64 64
  call i1 @look(ptr %state, i64 0, i64 -1)
  %next = add i64 %i, 1
  br label %one
done:
  ret void
}}
"""
PATIENCE = 500  # rounds of `look` before a worker sleeps: 0.9 ms where a pause takes 45 ns


@functools.cache
def _library():
    """The native functions begin and serve, and where the slots are; kernels find post and join by name."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    memory = mmap.mmap(-1, SLOT * MOST, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)  # a forked child has its own
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    pause = _PAUSE.get(platform.machine(), "@llvm.donothing()")
    code = _CODE.format(pause=pause, pause_declared=pause.replace("i32 1", "i32"), team=address, slot=SLOT, arguments=ARGUMENTS)
    module = llvm.parse_assembly(code)
    engine = llvm.create_mcjit_compiler(module, llvm.Target.from_default_triple().create_target_machine(opt=2, jit=True))
    engine.finalize_object()
    for name in ("tinygrad_lite_post", "tinygrad_lite_join"):
        llvm.add_symbol(name, engine.get_function_address(name))
    kind = ctypes.CFUNCTYPE(None, ctypes.c_size_t, ctypes.c_int64)
    begin, serve = (kind(engine.get_function_address(f"tinygrad_lite_{name}")) for name in ("begin", "serve"))
    for kept in (engine, memory):
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(kept))  # for good: at the end of the process workers still run in them
    return begin, serve, address


def hire(thread):
    """Start the worker with number ``thread``."""
    begin, serve, address = _library()
    slot = address + thread * SLOT
    begin(slot, thread)
    threading.Thread(target=serve, args=(slot, PATIENCE), name=f"tinygrad_lite worker {thread}", daemon=True).start()


@functools.cache
def sharing():
    """`jit.share` as kernels have it. Called with -n_threads, a kernel comes as far as this; then each thread calls it again, while
    the first call keeps the arguments alive until all are done, and goes on without a round of its own."""
    import numba
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils
    from numba.extending import intrinsic

    _library()
    byte, number, index = ir.IntType(8).as_pointer(), ir.IntType(32), ir.IntType(64)

    def call(builder, kernel, thread, count, others):
        """The kernel itself: it takes places for a result and an error, thread, n_threads and ``others``."""
        places = [cgutils.alloca_once(builder, a.type.pointee) for a in kernel.args[:2]]
        builder.call(kernel, [*places, thread, count, *others], attrs=("noinline",))

    def task(module, kernel, count, packed):
        """A function that calls ``kernel`` with arguments from memory, for a worker."""
        function = ir.Function(module, ir.FunctionType(ir.VoidType(), [byte, index]), f"{kernel.name}.task")
        function.linkage = "internal"
        builder = ir.IRBuilder(function.append_basic_block())
        kept = builder.bitcast(function.args[0], packed.as_pointer())
        values = [builder.load(builder.gep(kept, [number(0), number(i)]), align=1) for i in range(len(packed.elements))]
        call(builder, kernel, function.args[1], *values[:1], values[1:])
        builder.ret_void()
        return function

    @intrinsic
    def launch(typing, thread, n_threads):
        """Whether ``n_threads`` came as a negative number, and thus the kernel in which this stands was called anew by that many
        threads, and is done."""

        def make(context, builder, signature, args):
            kernel, module, (thread, n_threads) = builder.function, builder.module, args
            outer, others = builder.icmp_signed("<", n_threads, index(0)), kernel.args[4:]
            packed = ir.LiteralStructType([index, *[a.type for a in others]])
            size = context.get_abi_sizeof(packed)
            if size > SLOT - ARGUMENTS:
                raise ValueError(f"{kernel.name} has too many arguments for a worker's slot")
            post = ir.FunctionType(ir.VoidType(), [byte, byte, index, index])
            post = cgutils.get_or_insert_function(module, post, "tinygrad_lite_post")
            join = cgutils.get_or_insert_function(module, ir.FunctionType(ir.VoidType(), [index]), "tinygrad_lite_join")
            room = cgutils.alloca_once(builder, packed)
            with builder.if_then(outer, likely=False):
                count = builder.neg(n_threads)
                for i, value in enumerate([count, *others]):
                    builder.store(value, builder.gep(room, [number(0), number(i)]), align=1)
                work = task(module, kernel, count, packed)
                builder.call(post, [builder.bitcast(work, byte), builder.bitcast(room, byte), index(size), count])
                call(builder, kernel, thread, count, others)
                builder.call(join, [count])
            return outer

        return types.boolean(types.intp, types.intp), make

    def share(n, thread, n_threads):
        if launch(thread, n_threads):
            n = 0
        return range(n * thread // n_threads, n * (thread + 1) // n_threads)

    return numba.njit(share, inline="always")
