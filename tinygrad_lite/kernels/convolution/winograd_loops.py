"""The loops of Winograd's convolution of stride 1 (`transforms`): squares of an image become products over channels.

Memory, with lanes = the numbers of a register and n = m + r - 1:

    image      (images of a batch, channel blocks, height, width, lanes)   copied from x with its border, channels in lanes
    squares    (n * n, channel blocks, tiles, lanes), V                    the transformed squares of some tiles
    filters    (output blocks, n * n, channels, width of a block), U       the transformed filters
    products   (n * n, tiles, width of a block)                            sum over channels of V U, for one output block
    strip      (registers of a block, rows of pixels, width, lanes)         the output of some whole rows of tiles

A batch is as many images as make enough tiles. Each thread takes a range of batches, or some output blocks of one. The products
of one position read ``squares`` from the second cache, a panel of ``filters`` stays in the first.
"""

from __future__ import annotations

import functools

from ..jit import kernel, part, share
from ..vector import at, lanes, pointer, prefetch, prefetch_to_write, tile_rows, transpose
from .transforms import FILTER, FILTER_GRADIENT, GRADIENT, INPUT, OUTPUT, transform

VECTORS = 2  # registers of an output block
DEPTH = {3: 128, 5: 32}  # of each filter size, channels that are summed at once: sums of short sums lose less


@part
def spread_channels(planes, first, channels, in_planes, offsets, zeros, image, block_step):
    """``channels`` planes from ``planes[first]`` on, into blocks of lanes: number p of a plane goes to ``offsets[p]`` of its block;
    channels that do not exist are zero."""
    n_lanes, size = lanes(pointer(zeros)), planes.shape[1]
    for c in range(0, channels, n_lanes):
        given, target = min(n_lanes, channels - c), (c // n_lanes) * block_step
        if size >= n_lanes:
            for p in range(0, size, n_lanes):
                p = min(p, size - n_lanes)  # the last overlaps the one before
                source, to = at(pointer(planes), (first + c) * size + p), at(pointer(image), target)
                for k in range(given):
                    prefetch(at(source, k * size + 4 * n_lanes))
                transpose(source, in_planes, given, to, at(pointer(offsets), p), n_lanes, pointer(zeros), False)
        else:
            for p in range(size):
                for k in range(n_lanes):
                    image[target + offsets[p] + k] = planes[first + c + k, p] if k < given else 0


@part
def gather_channels(result, block_step, offsets, origin, bias, relu, out, first, channels, begin, end, in_out):
    """The way back: pixels ``begin`` to ``end`` of ``channels`` planes of out[first:], from blocks of lanes. Number p of a plane
    lies at ``offsets[p] - origin`` of its block."""
    n_lanes, size = lanes(pointer(result)), out.shape[1]
    for c in range(0, channels, n_lanes):
        wanted, source, added = min(n_lanes, channels - c), (c // n_lanes) * block_step - origin, at(pointer(bias), c)
        if end - begin >= n_lanes:
            for p in range(begin, end, n_lanes):
                p = min(p, end - n_lanes)
                where, target = at(pointer(result), source), at(pointer(out), (first + c) * size + p)
                transpose(where, at(pointer(offsets), p), n_lanes, target, in_out, wanted, added, relu)
        else:
            for p in range(begin, end):
                for k in range(wanted):
                    value = result[source + offsets[p] + k] + bias[c + k]
                    out[first + c + k, p] = max(value, value * 0) if relu else value


@functools.cache
def transform_filters(m, r):
    """The kernel for U, from ``weight``, whose tap t of output o and channel c is at ``first`` + o * steps[0] + c * steps[1] + t *
    steps[2]; ``work`` (threads, r * r * lanes)."""
    n = m + r - 1

    @kernel(parallel=True)
    def winograd_filters(thread, n_threads, weight, first, steps, outputs, filters, work):
        blocks, _, channels, width = filters.shape
        n_lanes, (o_step, c_step, t_step) = lanes(pointer(weight)), steps
        taps, registers = pointer(work[thread]), width // n_lanes
        for k in share(blocks * registers, thread, n_threads):
            given = max(0, min(n_lanes, outputs - k * n_lanes))
            for c in range(channels):
                for lane in range(n_lanes):
                    source = first + (k * n_lanes + lane) * o_step + c * c_step
                    for t in range(r * r):
                        taps[t * n_lanes + lane] = weight[source + t * t_step] if lane < given else 0
                place = (k // registers * n * n * channels + c) * width + k % registers * n_lanes
                target, step = at(pointer(filters), place), channels * width
                transform(FILTER, m, r, taps, r * n_lanes, n_lanes, target, n * step, step)

    return winograd_filters


@functools.cache
def squares(kind, m, r, registers):
    """The loop that transforms squares of a batch; ``registers`` of channels stand side by side."""

    @part
    def transform_squares(image, of_image, high, wide, first, count, blocks, block_step, row, target, some, target_step):
        """``count`` squares from number ``first`` on, of all channel blocks, to (positions, blocks, some, lanes)."""
        n_lanes, n = lanes(pointer(image)), m + r - 1
        for c in range(blocks):
            for s in range(count):
                i, tile = (first + s) // (high * wide), (first + s) % (high * wide)
                corner = i * of_image + c * block_step + (tile // wide * row + tile % wide * n_lanes) * m
                to = at(pointer(target), ((c // registers * some + s) * registers + c % registers) * n_lanes)
                transform(kind, m, r, at(pointer(image), corner), row, n_lanes, to, n * target_step, target_step)

    return transform_squares


@functools.cache
def output(m, r, rows, n_lanes):
    """The kernel of the output, in tiles of ``rows`` squares."""
    n, depth, transform_x = m + r - 1, DEPTH[r], squares(INPUT, m, r, 1)

    @part
    def multiply(squares, square_step, count, offsets, panels, products, product_step):
        """products[position, s] = sum over channels of squares[position, channel, s] * panels[position, channel]."""
        channels, width = panels.shape[1:]
        for position in range(n * n):
            panel, table, ahead = pointer(panels[position]), pointer(offsets), channels * width
            for s in range(0, count, rows):
                a = at(pointer(squares), position * square_step + s * n_lanes)
                c = at(pointer(products), position * product_step + s * width)
                for k in range(0, channels, depth):
                    some, b = at(table, k), at(panel, k * width)
                    tile_rows(rows, VECTORS, n_lanes, k > 0, a, some, some, min(depth, channels - k), b, width, ahead, c, width)

    @kernel(parallel=True)
    def winograd_output(
        thread, n_threads, x, filters, bias, relu, out, parts, sizes, to_image, to_result, in_x, in_out, offsets, zeros, work
    ):
        batch_size, height, image_width, high, wide, some, out_width = sizes
        n_images, channels, x_size = x.shape
        n_out, out_size = out.shape[1:]
        n_blocks, _, _, width = filters.shape
        x_blocks, row, x_step = -(-channels // n_lanes), image_width * n_lanes, height * image_width * n_lanes
        square_step, product_step = x_blocks * some * n_lanes + n_lanes, some * width + n_lanes
        strip_row = m * wide * m * n_lanes
        strip_step = some // wide * strip_row
        batches = -(-n_images // batch_size)
        planes, flat = x.reshape(n_images * channels, x_size), out.reshape(n_images * n_out, out_size)
        image = work[thread, : batch_size * x_blocks * x_step]
        squares = work[thread, image.size :]
        products = squares[n * n * square_step :]
        strip = products[n * n * product_step :]
        image[:] = 0
        for turn in share(batches * parts, thread, n_threads):
            first, own = turn // parts * batch_size, turn % parts
            n_batch = min(batch_size, n_images - first)
            for i in range(n_batch):
                where = image[i * x_blocks * x_step :]
                spread_channels(planes, (first + i) * channels, channels, pointer(in_x), to_image, zeros, where, x_step)
            for begin in range(0, n_batch * high * wide, some):
                count = min(some, n_batch * high * wide - begin)
                transform_x(image, x_blocks * x_step, high, wide, begin, count, x_blocks, x_step, row, squares, some, square_step)
                for b in range(own * n_blocks // parts, (own + 1) * n_blocks // parts):
                    some_channels = min(width, n_out - b * width)
                    for s in range(0, count, wide):  # from far away, during the products
                        i, y = (begin + s) // (high * wide), (begin + s) // wide % high
                        for c in range(some_channels):
                            line = at(pointer(flat), ((first + i) * n_out + b * width + c) * out_size)
                            for p in range(y * m * out_width, min((y + 1) * m * out_width, out_size), n_lanes):
                                prefetch_to_write(at(line, p))
                    multiply(squares, square_step, count, offsets, filters[b], products, product_step)
                    for c in range(0, width, n_lanes):
                        for s in range(count):
                            corner = c // n_lanes * strip_step + s // wide * strip_row + s % wide * m * n_lanes
                            source, target = at(pointer(products), s * width + c), at(pointer(strip), corner)
                            transform(OUTPUT, m, r, source, n * product_step, product_step, target, wide * m * n_lanes, n_lanes)
                    for s in range(0, count, wide):
                        i, y = (begin + s) // (high * wide), (begin + s) // wide % high
                        low, end = y * m * out_width, min((y + 1) * m * out_width, out_size)
                        origin, channel = (y - s // wide) * strip_row, (first + i) * n_out + b * width
                        gather_channels(
                            strip,
                            strip_step,
                            to_result,
                            origin,
                            bias[b * width :],
                            relu,
                            flat,
                            channel,
                            some_channels,
                            low,
                            end,
                            pointer(in_out),
                        )

    return winograd_output


@functools.cache
def weight_gradient(m, r, rows, n_lanes):
    """The kernel that adds to ``total`` (threads, positions, output blocks, channels filled up, width), the gradient towards U."""
    n, transform_x = m + r - 1, squares(INPUT, m, r, 1)
    transform_g = squares(GRADIENT, m, r, VECTORS)

    @kernel(parallel=True)
    def winograd_weight_gradient(thread, n_threads, x, g, total, sizes, to_image, to_result, in_x, in_g, offsets, zeros, work):
        batch_size, height, width_of_image, high, wide, some, _ = sizes
        n_images, channels, x_size = x.shape
        n_out, out_size = g.shape[1:]
        planes, gradient_planes = x.reshape(n_images * channels, x_size), g.reshape(n_images * n_out, out_size)
        n_blocks, all_channels, width = total.shape[2:]
        x_blocks, out_blocks, tiles = -(-channels // n_lanes), -(-n_out // n_lanes), high * wide
        x_step, out_step = height * width_of_image * n_lanes, high * m * wide * m * n_lanes
        square_step, g_step = x_blocks * some * n_lanes + n_lanes, n_blocks * some * width + n_lanes
        batches = -(-n_images // batch_size)
        image = work[thread, : batch_size * x_blocks * x_step]
        result = work[thread, image.size : image.size + batch_size * out_blocks * out_step]
        squares = work[thread, image.size + result.size :]
        gradients = squares[n * n * square_step :]
        if out_blocks % VECTORS:  # the register that no channel fills
            gradients[: n * n * g_step] = 0
        image[:], result[:] = 0, 0
        for batch in share(batches, thread, n_threads):
            first = batch * batch_size
            n_batch = min(batch_size, n_images - first)
            for i in range(n_batch):
                where, to = image[i * x_blocks * x_step :], result[i * out_blocks * out_step :]
                spread_channels(planes, (first + i) * channels, channels, pointer(in_x), to_image, zeros, where, x_step)
                spread_channels(gradient_planes, (first + i) * n_out, n_out, pointer(in_g), to_result, zeros, to, out_step)
            for begin in range(0, n_batch * tiles, some):
                count = min(some, n_batch * tiles - begin)
                row, g_row = width_of_image * n_lanes, wide * m * n_lanes
                transform_x(image, x_blocks * x_step, high, wide, begin, count, x_blocks, x_step, row, squares, some, square_step)
                transform_g(
                    result,
                    out_blocks * out_step,
                    high,
                    wide,
                    begin,
                    count,
                    out_blocks,
                    out_step,
                    g_row,
                    gradients,
                    some,
                    g_step,
                )
                for position in range(n * n):
                    for b in range(n_blocks):
                        panel, table = at(pointer(gradients), position * g_step + b * some * width), pointer(offsets)
                        for c in range(0, all_channels, rows):
                            start = position * square_step + c // n_lanes * some * n_lanes + c % n_lanes
                            source, sums = at(pointer(squares), start), pointer(total[thread, position, b, c])
                            tile_rows(rows, VECTORS, 1, True, source, table, table, count, panel, width, 0, sums, width)

    return winograd_weight_gradient


@functools.cache
def filter_gradient(m, r):
    """The kernel from the gradient towards U to that of the filters: total (positions, blocks, channels, width), out (r * r,
    channels, outputs filled up to whole blocks)."""
    n = m + r - 1

    @kernel
    def winograd_filter_gradient(total, out):
        n_blocks, channels, width = total.shape[1:]
        outputs = out.shape[2]
        n_lanes, step, target_step = lanes(pointer(out)), n_blocks * channels * width, out.shape[1] * outputs
        for o in range(0, outputs, n_lanes):
            for c in range(out.shape[1]):
                source = at(pointer(total), ((o // width) * channels + c) * width + o % width)
                target = at(pointer(out), c * outputs + o)
                transform(FILTER_GRADIENT, m, r, source, n * step, step, target, r * target_step, target_step)

    return winograd_filter_gradient
