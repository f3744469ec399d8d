"""The loops of Winograd's convolution of stride 1 (`transforms`): squares of an image become products over channels.

Memory, with lanes = the numbers of a register and n = m + r - 1:

    image      (images of a batch, channel blocks, height, width, lanes)   copied from x with its border, channels in lanes
    squares    (n * n, channel blocks, tiles, lanes), V                    the transformed squares of some tiles
    filters    (n * n, output blocks, channels, width of a block), U       the transformed filters
    products   (n * n, tiles, width of a block)                            sum over channels of V U, for one output block
    result     (images of a batch, registers of a block, height, width, lanes)

A batch is as many images as make enough tiles. Each thread takes a range of batches. The products of one position read ``squares``
from the second cache, a panel of ``filters`` stays in the first.
"""

from __future__ import annotations

import functools

from ..jit import kernel, part, prange
from ..vector import at, lanes, pointer, tile_rows, transpose
from .transforms import FILTER, FILTER_GRADIENT, GRADIENT, INPUT, OUTPUT, transform

VECTORS = 2  # registers of an output block


@part
def spread_channels(planes, first, channels, size, in_planes, offsets, zeros, image, block_step):
    """``channels`` planes of ``size`` numbers from position ``first`` of ``planes``, into blocks of lanes: number p of a plane goes
    to ``offsets[p]`` of its block; channels that do not exist are zero."""
    n_lanes = lanes(pointer(zeros))
    for c in range(0, channels, n_lanes):
        given, source, target = min(n_lanes, channels - c), first + c * size, (c // n_lanes) * block_step
        if size >= n_lanes:
            for p in range(0, size + n_lanes - 1, n_lanes):
                p = min(p, size - n_lanes)
                where, to = at(pointer(planes), source + p), at(pointer(image), target)
                transpose(where, in_planes, given, to, at(pointer(offsets), p), n_lanes, pointer(zeros), False)
        else:
            for p in range(size):
                for k in range(n_lanes):
                    image[target + offsets[p] + k] = planes[source + k * size + p] if k < given else 0


@part
def gather_channels(result, block_step, offsets, bias, relu, planes, first, channels, size, in_planes):
    """The way back: blocks of lanes of ``result`` plus ``bias`` into ``channels`` planes."""
    n_lanes = lanes(pointer(result))
    for c in range(0, channels, n_lanes):
        wanted, target, source = min(n_lanes, channels - c), first + c * size, (c // n_lanes) * block_step
        if size >= n_lanes:
            for p in range(0, size + n_lanes - 1, n_lanes):
                p = min(p, size - n_lanes)
                where, to = at(pointer(result), source), at(pointer(planes), target + p)
                transpose(where, at(pointer(offsets), p), n_lanes, to, in_planes, wanted, at(pointer(bias), c), relu)
        else:
            for p in range(size):
                for k in range(wanted):
                    value = result[source + offsets[p] + k] + bias[c + k]
                    planes[target + k * size + p] = max(value, value * 0) if relu else value


@functools.cache
def transform_filters(m, r):
    """The kernel for U, from weight in rows (r * r, channels, outputs filled up to whole blocks)."""
    n = m + r - 1

    @kernel
    def winograd_filters(weight, filters):
        channels, outputs = weight.shape[1:]
        n_blocks, width = filters.shape[1], filters.shape[3]
        n_lanes = lanes(pointer(weight))
        step, target_step = channels * outputs, n_blocks * channels * width
        for o in range(0, outputs, n_lanes):
            for c in range(channels):
                source = at(pointer(weight), c * outputs + o)
                target = at(pointer(filters), ((o // width) * channels + c) * width + o % width)
                transform(FILTER, m, r, source, r * step, step, target, n * target_step, target_step)

    return winograd_filters


@functools.cache
def squares(kind, m, r):
    """The loop that transforms squares of a batch."""

    @part
    def transform_squares(image, of_image, high, wide, first, count, blocks, block_step, row, target, some, target_step):
        """``count`` squares from number ``first`` on, of all channel blocks, to (positions, blocks, some, lanes)."""
        n_lanes, n = lanes(pointer(image)), m + r - 1
        for c in range(blocks):
            for s in range(count):
                i, tile = (first + s) // (high * wide), (first + s) % (high * wide)
                corner = i * of_image + c * block_step + (tile // wide * row + tile % wide * n_lanes) * m
                to = at(pointer(target), (c * some + s) * n_lanes)
                transform(kind, m, r, at(pointer(image), corner), row, n_lanes, to, n * target_step, target_step)

    return transform_squares


@functools.cache
def output(m, r, rows, n_lanes):
    """The kernel of the output, in tiles of ``rows`` squares."""
    n, transform_x = m + r - 1, squares(INPUT, m, r)

    @kernel(parallel=True)
    def winograd_output(x, filters, bias, relu, out, sizes, to_image, to_result, in_x, in_out, offsets, zeros, work):
        batch_size, height, width_of_image, high, wide, some = sizes
        n_images, channels, x_size = x.shape
        n_out, out_size = out.shape[1:]
        n_blocks, _, width = filters.shape[1:]
        x_blocks, out_blocks, tiles = -(-channels // n_lanes), n_blocks * width // n_lanes, high * wide
        x_step, out_step = height * width_of_image * n_lanes, high * m * wide * m * n_lanes
        square_step, product_step = x_blocks * some * n_lanes + n_lanes, some * width + n_lanes
        n_threads, batches = work.shape[0], -(-n_images // batch_size)
        for t in prange(n_threads):
            image = work[t, : batch_size * x_blocks * x_step]
            squares = work[t, image.size :]
            products = squares[n * n * square_step :]
            result = products[n * n * product_step :]
            image[:] = 0
            for batch in range(batches * t // n_threads, batches * (t + 1) // n_threads):
                first = batch * batch_size
                n_batch = min(batch_size, n_images - first)
                for i in range(n_batch):
                    where = image[i * x_blocks * x_step :]
                    spread_channels(
                        x.ravel(), (first + i) * channels * x_size, channels, x_size, pointer(in_x), to_image, zeros, where, x_step
                    )
                for begin in range(0, n_batch * tiles, some):
                    count = min(some, n_batch * tiles - begin)
                    row = width_of_image * n_lanes
                    transform_x(
                        image, x_blocks * x_step, high, wide, begin, count, x_blocks, x_step, row, squares, some, square_step
                    )
                    for b in range(n_blocks):
                        for position in range(n * n):
                            for s in range(0, count, rows):
                                source = at(pointer(squares), position * square_step + s * n_lanes)
                                target = at(pointer(products), position * product_step + s * width)
                                panel = pointer(filters[position, b])
                                tile_rows(
                                    rows,
                                    VECTORS,
                                    n_lanes,
                                    False,
                                    source,
                                    pointer(offsets),
                                    pointer(offsets),
                                    channels,
                                    panel,
                                    target,
                                    width,
                                )
                        for c in range(0, width, n_lanes):
                            for s in range(count):
                                i, tile = (begin + s) // tiles, (begin + s) % tiles
                                block = i * out_blocks + (b * width + c) // n_lanes
                                corner = block * out_step + (tile // wide * wide * m + tile % wide) * m * n_lanes
                                source, target = at(pointer(products), s * width + c), at(pointer(result), corner)
                                transform(OUTPUT, m, r, source, n * product_step, product_step, target, wide * m * n_lanes, n_lanes)
                for i in range(n_batch):
                    where = result[i * out_blocks * out_step :]
                    gather_channels(
                        where,
                        out_step,
                        to_result,
                        bias,
                        relu,
                        out.ravel(),
                        (first + i) * n_out * out_size,
                        n_out,
                        out_size,
                        pointer(in_out),
                    )

    return winograd_output


@functools.cache
def weight_gradient(m, r, rows, n_lanes):
    """The kernel that adds to ``total`` (threads, positions, output blocks, channels filled up, width), the gradient towards U."""
    n, transform_x = m + r - 1, squares(INPUT, m, r)
    transform_g = squares(GRADIENT, m, r)

    @kernel(parallel=True)
    def winograd_weight_gradient(x, g, total, sizes, to_image, to_result, in_x, in_g, offsets, zeros, work):
        batch_size, height, width_of_image, high, wide, some = sizes
        n_images, channels, x_size = x.shape
        n_out, out_size = g.shape[1:]
        n_blocks, all_channels, width = total.shape[2:]
        x_blocks, out_blocks, tiles = -(-channels // n_lanes), -(-n_out // n_lanes), high * wide
        x_step, out_step = height * width_of_image * n_lanes, high * m * wide * m * n_lanes
        square_step, g_step = x_blocks * some * n_lanes + n_lanes, out_blocks * some * n_lanes + n_lanes
        n_threads, batches = work.shape[0], -(-n_images // batch_size)
        for t in prange(n_threads):
            image = work[t, : batch_size * x_blocks * x_step]
            result = work[t, image.size : image.size + batch_size * out_blocks * out_step]
            squares = work[t, image.size + result.size :]
            gradients = squares[n * n * square_step :]
            panel = gradients[n * n * g_step :]
            image[:], result[:] = 0, 0
            for batch in range(batches * t // n_threads, batches * (t + 1) // n_threads):
                first = batch * batch_size
                n_batch = min(batch_size, n_images - first)
                for i in range(n_batch):
                    where, to = image[i * x_blocks * x_step :], result[i * out_blocks * out_step :]
                    spread_channels(
                        x.ravel(), (first + i) * channels * x_size, channels, x_size, pointer(in_x), to_image, zeros, where, x_step
                    )
                    spread_channels(
                        g.ravel(), (first + i) * n_out * out_size, n_out, out_size, pointer(in_g), to_result, zeros, to, out_step
                    )
                for begin in range(0, n_batch * tiles, some):
                    count = min(some, n_batch * tiles - begin)
                    row, g_row = width_of_image * n_lanes, wide * m * n_lanes
                    transform_x(
                        image, x_blocks * x_step, high, wide, begin, count, x_blocks, x_step, row, squares, some, square_step
                    )
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
                            source = gradients[position * g_step + b * VECTORS * some * n_lanes :]
                            for s in range(count):  # the panel's rows: the registers of a block side by side
                                for c in range(VECTORS):
                                    filled = b * VECTORS + c < out_blocks
                                    for k in range(n_lanes):
                                        panel[s * width + c * n_lanes + k] = source[(c * some + s) * n_lanes + k] if filled else 0
                            for c in range(0, all_channels, rows):
                                start = position * square_step + c // n_lanes * some * n_lanes + c % n_lanes
                                sums = pointer(total[t, position, b, c])
                                tile_rows(
                                    rows,
                                    VECTORS,
                                    1,
                                    True,
                                    at(pointer(squares), start),
                                    pointer(offsets),
                                    pointer(offsets),
                                    count,
                                    pointer(panel),
                                    sums,
                                    width,
                                )

    return winograd_weight_gradient


@functools.cache
def filter_gradient(m, r):
    """The kernel from the gradient towards U to that of the filters: total (positions, blocks, channels, width), out (r * r, channels,
    outputs filled up to whole blocks)."""
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
