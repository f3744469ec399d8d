"""Loops of any convolution, as a product whose one factor is gathered from the image through two tables of offsets.

    output              out[o, p]  = sum over k of weight[k, o] * image[pixels[p] + taps[k]]
    gradient of weight  grad[k, o] = sum over p of image[taps[k] + pixels[p]] * g[o, p]

are one product with the tables exchanged, in three forms: ``by_channels`` has output channels in the lanes of a register,
``by_rows`` neighbouring pixels of a row, ``by_runs`` neighbouring pixels of several rows, for few channels. Each thread takes a
range of the rounds (image, group, block of channels or part of a row) and has its own scratch memory: the copy of an image with its
border, and a block of results that fits the first cache.

Arrays: x (images, groups, numbers), out and g (images, groups, channels, pixels), weight (groups, blocks, taps, channels of a
block), bias (groups, channels, filled up to whole blocks), steps (2, lanes): the first multiples of a block's width and of the
number of pixels.
"""

from __future__ import annotations

import functools

from ..jit import kernel, part, share
from ..vector import (
    REGISTERS,
    ROWS,
    at,
    interleave,
    lanes,
    move_register,
    move_second,
    pointer,
    prefetch_to_write,
    tile_dots,
    tile_lines,
    tile_rows,
    tile_runs,
    transpose,
)

ROWS_OF = {
    1: ROWS,
    2: ROWS,
    3: max(1, (REGISTERS - 4) // 3),
}  # registers of channels -> most rows of a tile: the sums fill the registers


DEPTH = 144  # taps that are summed before the next tile: their weights stay in the first cache
LONGEST = 256  # taps that are summed at once for runs: sums of short sums lose less
PIECE = 4  # runs of a row that are one round
MOST_RUNS = 8 if REGISTERS > 16 else 4  # output channels of a block of runs


def vectors_of(channels):
    """Registers in a run for ``channels`` sums: these, one spread weight for each channel and one run must fit the registers."""
    return min(ROWS, (REGISTERS - 1 - channels) // channels)


def dots_of(channels):
    """Taps that are summed at once for ``channels`` runs of g."""
    return min(8, (REGISTERS - 2 - channels) // channels)


@part
def move(source, target, count, bias, relu):
    """target[:count] = source[:count] + bias; the last register overlaps the one before."""
    n_lanes = lanes(source)
    for j in range(0, count if count >= n_lanes else 0, n_lanes):
        j = min(j, count - n_lanes)
        move_register(at(source, j), at(target, j), bias, relu)
    for j in range(0 if count >= n_lanes else count):
        value = source[j] + bias
        target[j] = max(value, value * 0) if relu else value


@part
def move_strided(source, stride, target, count):
    """target[:count] = source[: count * stride : stride]."""
    n_lanes, j = lanes(source), 0
    if stride == 2 and count >= n_lanes:
        while j < count:
            j = min(j, count - n_lanes)
            move_second(at(source, 2 * j), at(target, j))
            j += n_lanes
    while j < count:
        target[j] = source[j * stride]
        j += 1


@part
def copy_image(x, copies, stride, plane, channels, image):
    """The channels of one image into ``image``, planes apart; ``copies`` says of each row and phase: from, to, how many."""
    size, zero = x.size // channels, x.dtype.type(0)
    for c in range(channels):
        source, target = at(pointer(x), c * size), at(pointer(image), c * plane)
        for r in range(copies.shape[0]):
            if stride == 1:
                move(at(source, copies[r, 0]), at(target, copies[r, 1]), copies[r, 2], zero, False)
            else:
                move_strided(at(source, copies[r, 0]), stride, at(target, copies[r, 1]), copies[r, 2])


@functools.cache
def by_channels(vectors, rows, step):
    """The kernel whose blocks are ``vectors`` registers of output channels and whose tiles are ``rows`` pixels: neighbours in
    memory if ``step`` is 1, any if it is 0."""

    @kernel(parallel=True)
    def convolve_by_channels(
        thread, n_threads, x, channels, copies, stride, plane, taps, pixels, weight, bias, relu, out, steps, images, blocks
    ):
        n_groups, n_blocks, depth, width = weight.shape
        n_out, n_pixels = out.shape[2:]
        room = blocks.shape[1] // width
        rounds, in_block, in_out = x.shape[0] * n_groups * n_blocks, pointer(steps[0]), pointer(steps[1])
        copied, block = -1, pointer(blocks[thread])
        n_lanes = lanes(block)
        for i in share(rounds, thread, n_threads):
            n, g, b = i // (n_groups * n_blocks), i // n_blocks % n_groups, i % n_blocks
            if copies.shape[0] and i // n_blocks != copied:
                copy_image(x[n, g], copies, stride, plane, channels, images[thread])
                copied = i // n_blocks
            image = pointer(images[thread]) if copies.shape[0] else pointer(x[n, g])
            first = b * width
            for begin in range(0, n_pixels, room):
                count = min(room, n_pixels - begin)
                for c in range(first, min(first + width, n_out)):  # from far away, while the sums are taken
                    for p in range(begin, begin + count, n_lanes):
                        prefetch_to_write(at(pointer(out[n, g, c]), p))
                for k in range(0, depth, DEPTH):  # so much of the weight stays in the first cache for all tiles of the block
                    factors, some = at(pointer(weight[g, b]), k * width), at(pointer(taps), k)
                    for p in range(0, count, rows):
                        origin, table = at(image, pixels[begin + p] if step else 0), at(pointer(pixels), begin + p)
                        sums = at(block, p * width)
                        tile_rows(
                            rows,
                            vectors,
                            step,
                            k > 0,
                            origin,
                            table,
                            some,
                            min(DEPTH, depth - k),
                            factors,
                            width,
                            0,
                            sums,
                            width,
                        )
                for c in range(first, min(first + width, n_out), n_lanes):
                    wanted, added = min(n_lanes, n_out - c), at(pointer(bias[g]), c)
                    for p in range(0, count, n_lanes):
                        p = min(p, max(0, count - n_lanes))  # the last block overlaps the one before
                        target = at(pointer(out[n, g, c]), begin + p)
                        if count >= n_lanes:
                            transpose(at(block, p * width + c - first), in_block, n_lanes, target, in_out, wanted, added, relu)
                if count < n_lanes:
                    for c in range(first, min(first + width, n_out)):
                        values = blocks[thread, c - first : count * width]
                        for p in range(count):
                            value = values[p * width] + bias[g, c]
                            out[n, g, c, begin + p] = max(value, value * 0) if relu else value

    return convolve_by_channels


@functools.cache
def by_rows(rows, vectors):
    """The kernel for rows of pixels of at least a register: each tile is ``rows`` output channels times ``vectors`` registers of a
    row, or times one less where the row is shorter, and goes straight to the output."""

    @kernel(parallel=True)
    def convolve_by_rows(
        thread, n_threads, x, channels, copies, stride, plane, taps, pixels, row_length, weight, bias, relu, out, images
    ):
        """weight (groups, blocks, taps, rows)."""
        n_groups, n_blocks, depth = weight.shape[:3]
        n_out, n_pixels = out.shape[2:]
        run, n_lanes = vectors * lanes(pointer(x)), lanes(pointer(x))
        pieces = -(-row_length // (PIECE * run))  # of a row, so that there are enough for all threads
        in_image = n_pixels // row_length * pieces
        copied, last = -1, min(run, row_length) - n_lanes
        for i in share(x.shape[0] * n_groups * in_image, thread, n_threads):
            n, g, row, piece = i // (n_groups * in_image), i // in_image % n_groups, i % in_image // pieces, i % pieces
            if copies.shape[0] and i // in_image != copied:
                copy_image(x[n, g], copies, stride, plane, channels, images[thread])
                copied = i // in_image
            image = pointer(images[thread]) if copies.shape[0] else pointer(x[n, g])
            begin, end = piece * PIECE * run, min((piece + 1) * PIECE * run, row_length)
            for b in range(n_blocks):
                first = min(b * rows, n_out - rows)  # the last block overlaps the one before
                added = at(pointer(bias[g]), first)
                for p in range(begin, end, run):
                    p = max(0, min(p, row_length - run))  # the last run overlaps the one before
                    source = at(image, pixels[row * row_length] + p)
                    target = at(pointer(out[n, g, first]), row * row_length + p)
                    tile_lines(
                        rows, vectors, pointer(weight[g, b]), pointer(taps), depth, source, last, run, added, relu, target, n_pixels
                    )

    return convolve_by_rows


@functools.cache
def by_runs(rows):
    """The kernel whose blocks are ``rows`` output channels."""
    vectors = vectors_of(rows)

    @kernel(parallel=True)
    def convolve_by_runs(
        thread, n_threads, x, channels, copies, stride, plane, taps, pixels, row_length, weight, bias, relu, out, images, blocks
    ):
        n_groups, n_blocks, depth = weight.shape[:3]
        n_out, n_pixels = out.shape[2:]
        room = blocks.shape[1] // rows
        rounds = x.shape[0] * n_groups * n_blocks
        copied, image = -1, pointer(images[thread])
        run = vectors * lanes(image)
        for i in share(rounds, thread, n_threads):
            n, g, b = i // (n_groups * n_blocks), i // n_blocks % n_groups, i % n_blocks
            if i // n_blocks != copied:
                copy_image(x[n, g], copies, stride, plane, channels, images[thread])
                copied = i // n_blocks
            begin = 0
            while begin < n_pixels:  # as many rows of pixels as there is room for, and what lies between them
                origin, end = pixels[begin], begin + row_length
                while end < n_pixels and pixels[end] + row_length - origin <= room - run:
                    end += row_length
                for s in range(0, pixels[end - 1] + 1 - origin, run):
                    block = at(pointer(blocks[thread]), s)
                    for k in range(0, depth, LONGEST):
                        factors, some = at(pointer(weight[g, b]), k * rows), at(pointer(taps), k)
                        count = min(LONGEST, depth - k)
                        tile_runs(rows, vectors, k > 0, factors, some, count, at(image, origin + s), block, room)
                for c in range(b * rows, min((b + 1) * rows, n_out)):
                    target = at(pointer(out), ((n * n_groups + g) * n_out + c) * n_pixels)
                    for p in range(begin, end, row_length):
                        values = at(pointer(blocks[thread]), (c - b * rows) * room + pixels[p] - origin)
                        move(values, at(target, p), row_length, bias[g, c], relu)
                begin = end

    return convolve_by_runs


@functools.cache
def weight_by_channels(vectors):
    """The kernel whose blocks are ``vectors`` registers of output channels; it adds to ``total`` (threads, groups, blocks, taps,
    width)."""
    rows = ROWS_OF[vectors]

    @kernel(parallel=True)
    def weight_gradient_by_channels(
        thread, n_threads, x, channels, copies, stride, plane, taps, depth, pixels, g, steps, zeros, total, images, blocks
    ):
        n_groups, n_blocks, _, width = total.shape[1:]
        n_out, n_pixels = g.shape[2:]
        chunk = blocks.shape[1] // width
        rounds, in_block, in_g = x.shape[0] * n_groups, pointer(steps[0]), pointer(steps[1])
        block = pointer(blocks[thread])
        n_lanes = lanes(block)
        for i in share(rounds, thread, n_threads):
            n, group = i // n_groups, i % n_groups
            if copies.shape[0]:
                copy_image(x[n, group], copies, stride, plane, channels, images[thread])
            image = pointer(images[thread]) if copies.shape[0] else pointer(x[n, group])
            for begin in range(0, n_pixels, chunk):
                count = min(chunk, n_pixels - begin)
                whole = count - count % n_lanes
                for b in range(n_blocks):
                    for c in range(0, width, n_lanes):
                        given = max(0, min(n_lanes, n_out - b * width - c))
                        source = at(pointer(g[n, group]), (b * width + min(c, n_out - 1 - b * width)) * n_pixels + begin)
                        for p in range(0, whole, n_lanes):
                            target = at(block, p * width + c)
                            transpose(at(source, p), in_g, given, target, in_block, n_lanes, pointer(zeros), False)
                        for k in range(n_lanes):
                            for p in range(whole, count):
                                blocks[thread, p * width + c + k] = g[n, group, b * width + c + k, begin + p] if k < given else 0
                    for k in range(0, depth, rows):
                        sums = at(pointer(total[thread, group, b]), k * width)
                        where = at(pointer(taps), k)
                        tile_rows(
                            rows,
                            vectors,
                            0,
                            True,
                            image,
                            where,
                            at(pointer(pixels), begin),
                            count,
                            block,
                            width,
                            0,
                            sums,
                            width,
                        )

    return weight_gradient_by_channels


@functools.cache
def weight_by_runs(columns):
    """The kernel whose blocks are ``columns`` output channels; it adds to ``total`` (threads, groups, blocks, taps, width)."""
    rows = dots_of(columns)

    @kernel(parallel=True)
    def weight_gradient_by_runs(
        thread, n_threads, x, channels, copies, stride, plane, taps, depth, pixels, row_length, g, total, images, blocks
    ):
        n_groups, n_blocks = total.shape[1:3]
        n_out, n_pixels = g.shape[2:]
        room = blocks.shape[1] // columns
        rounds = x.shape[0] * n_groups
        n_lanes, zero = lanes(pointer(images[thread])), g.dtype.type(0)
        for i in share(rounds, thread, n_threads):
            n, group = i // n_groups, i % n_groups
            copy_image(x[n, group], copies, stride, plane, channels, images[thread])
            for b in range(n_blocks):
                begin = 0
                while begin < n_pixels:
                    origin, end = pixels[begin], begin + row_length
                    while end < n_pixels and pixels[end] + row_length - origin <= room:
                        end += row_length
                    count = (pixels[end - 1] - origin + n_lanes) // n_lanes
                    for c in range(min(columns, n_out - b * columns)):
                        source = at(pointer(g), ((n * n_groups + group) * n_out + b * columns + c) * n_pixels)
                        for p in range(begin, end, row_length):
                            line = c * room + pixels[p] - origin
                            behind = c * room + (pixels[p + row_length] - origin if p + row_length < end else count * n_lanes)
                            move(at(source, p), at(pointer(blocks[thread]), line), row_length, zero, False)
                            blocks[thread, line + row_length : behind] = 0  # between the rows
                    for k in range(0, depth, rows):
                        sums, image = at(pointer(total[thread, group, b]), k * columns), at(pointer(images[thread]), origin)
                        tile_dots(rows, columns, image, at(pointer(taps), k), pointer(blocks[thread]), room, count, sums, columns)
                    begin = end

    return weight_gradient_by_runs


@kernel(parallel=True)
def weave(thread, n_threads, even, odd, out, first, step):
    """out[:, first + i * step, 0::2] = even[:, i], and 1::2 = odd[:, i]: two phases of a gradient become its rows."""
    count, n_lanes = odd.shape[2], lanes(pointer(out))
    for plane in share(out.shape[0], thread, n_threads):
        for i in range(even.shape[1]):
            left, right, row = pointer(even[plane, i]), pointer(odd[plane, i]), pointer(out[plane, first + i * step])
            for j in range(0, count if count >= n_lanes else 0, n_lanes):
                j = min(j, count - n_lanes)  # the last overlaps the one before
                interleave(at(left, j), at(right, j), at(row, 2 * j))
            for j in range(0 if count < n_lanes else count, even.shape[2]):
                row[2 * j] = left[j]
                if j < count:
                    row[2 * j + 1] = right[j]
