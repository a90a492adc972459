#include "chunk/histogram_message.h"

#include "bytes/protobuf_writer.h"

namespace narthex {

namespace {

void write_spans(ProtoWriter& to, uint32_t field, std::span<const BucketSpan> spans) {
    for (BucketSpan span : spans) {
        to.nested(field, [&] {
            if (span.offset != 0) to.sint64(1, span.offset);
            if (span.length != 0) to.uint64(2, span.length);
        });
    }
}

// Integer counts as differences to the bucket before, floats as they are.
void write_buckets(ProtoWriter& to, uint32_t deltas, uint32_t counts, bool floats,
                   std::span<const HistogramCell> cells) {
    if (cells.empty()) return;
    if (floats) {
        to.nested(counts, [&] {
            for (HistogramCell c : cells) to.packed_double(c.f);
        });
        return;
    }
    to.nested(deltas, [&] {
        uint64_t before = 0;
        for (HistogramCell c : cells) {
            to.packed_signed(static_cast<int64_t>(static_cast<uint64_t>(c.i) - before));
            before = static_cast<uint64_t>(c.i);
        }
    });
}

}  // namespace

BucketSpan read_span(ProtoReader in) {
    BucketSpan span{0, 0};
    while (in.next()) {
        switch (in.field()) {
            case 1:
                span.offset = in.sint32();
                break;
            case 2:
                span.length = in.uint32();
                break;
            default:
                in.skip();
        }
    }
    return span;
}

void BucketCounts::append_to(std::vector<HistogramCell>& cells, bool floats) const {
    if (floats) {
        for (double v : counts) cells.push_back({.f = v});
        return;
    }
    uint64_t sum = 0;
    for (int64_t delta : deltas) {
        sum += static_cast<uint64_t>(delta);
        cells.push_back({.i = static_cast<int64_t>(sum)});
    }
}

void write_histogram_fields(const HistogramView& h, std::vector<uint8_t>& out) {
    ProtoWriter to(out);
    const HistogramLayout& layout = *h.layout;
    if (h.floats) {
        to.float64(2, h.count.f);
    } else {
        to.int64(1, h.count.i);
    }
    to.float64(3, h.sum);
    to.sint64(4, layout.schema);
    to.float64(5, layout.zero_threshold);
    if (h.floats) {
        to.float64(7, h.zero_count.f);
    } else {
        to.int64(6, h.zero_count.i);
    }
    size_t positive = layout.positive_buckets();
    write_spans(to, 8, layout.negative);
    write_buckets(to, 9, 10, h.floats, h.buckets.subspan(positive));
    write_spans(to, 11, layout.positive);
    write_buckets(to, 12, 13, h.floats, h.buckets.first(positive));
    if (h.hint != ResetHint::kUnknown) to.uint64(14, static_cast<uint64_t>(h.hint));
    if (layout.bounds.empty()) return;
    to.nested(16, [&] {
        for (double bound : layout.bounds) to.packed_double(bound);
    });
}

}  // namespace narthex
