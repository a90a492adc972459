#include "remote/histogram_message.h"

#include <bit>

#include "bytes/protobuf_writer.h"

namespace narthex {

namespace {

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

ResetHint reset_hint(uint64_t number) {
    return number <= 3 ? static_cast<ResetHint>(number) : ResetHint::kUnknown;
}

// A count that may come as an integer or as a float; the last one wins.
struct Count {
    uint64_t integer = 0;
    double number = 0;
    bool floats = false;

    void set(uint64_t v) { *this = {v, 0, false}; }
    void set(double v) { *this = {0, v, true}; }
    // As the histogram's kind wants it; the other kind counts as absent.
    HistogramCell cell(bool as_floats) const {
        if (as_floats) return {.f = number};
        return {.i = static_cast<int64_t>(integer)};
    }
};

void write_spans(ProtoWriter& to, uint32_t field, std::span<const BucketSpan> spans) {
    for (BucketSpan span : spans) {
        to.nested(field, [&] {
            to.sint64(1, span.offset);
            to.uint64(2, span.length);
        });
    }
}

// In field `deltas` integers as differences to the bucket before, in the one after it floats as they are.
void write_buckets(ProtoWriter& to, uint32_t deltas, bool floats, std::span<const HistogramCell> cells) {
    if (cells.empty()) return;
    to.nested(floats ? deltas + 1 : deltas, [&] {
        uint64_t before = 0;
        for (HistogramCell c : cells) {
            if (floats) {
                to.packed_double(c.f);
            } else {
                to.packed_signed(static_cast<int64_t>(static_cast<uint64_t>(c.i) - before));
                before = static_cast<uint64_t>(c.i);
            }
        }
    });
}

}  // namespace

void write_histogram_fields(const HistogramView& h, std::vector<uint8_t>& out) {
    ProtoWriter to(out);
    const HistogramLayout& layout = *h.layout;
    if (h.floats) {
        to.float64(2, h.count.f);
        to.float64(7, h.zero_count.f);
    } else {
        to.int64(1, h.count.i);
        to.int64(6, h.zero_count.i);
    }
    to.float64(3, h.sum);
    to.sint64(4, layout.schema);
    to.float64(5, layout.zero_threshold);
    size_t positive = layout.positive_buckets();
    write_spans(to, 8, layout.negative);
    write_buckets(to, 9, h.floats, h.buckets.subspan(positive));
    write_spans(to, 11, layout.positive);
    write_buckets(to, 12, h.floats, h.buckets.first(positive));
    to.uint64(14, static_cast<uint64_t>(h.hint));
    if (layout.bounds.empty()) return;
    to.nested(16, [&] {
        for (double bound : layout.bounds) to.packed_double(bound);
    });
}

void HistogramMessages::Side::append_to(std::vector<HistogramCell>& cells, bool floats) const {
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

HistogramMessages::Times HistogramMessages::read(ProtoReader in, int64_t latest, HistogramBatch& out) {
    layout_.schema = 0;
    layout_.zero_threshold = 0;
    layout_.positive.clear();
    layout_.negative.clear();
    layout_.bounds.clear();
    positive_.clear();
    negative_.clear();
    cells_.clear();
    Times times;
    Count count, zero_count;
    double sum = 0;
    ResetHint hint = ResetHint::kUnknown;
    while (in.next()) {
        switch (in.field()) {
            case 1:
                count.set(in.uint64());
                break;
            case 2:
                count.set(in.float64());
                break;
            case 3:
                sum = in.float64();
                break;
            case 4:
                layout_.schema = in.sint32();
                break;
            case 5:
                layout_.zero_threshold = in.float64();
                break;
            case 6:
                zero_count.set(in.uint64());
                break;
            case 7:
                zero_count.set(in.float64());
                break;
            case 8:
                layout_.negative.push_back(read_span(in.message()));
                break;
            case 9:
                in.each_sint64([&](int64_t v) { negative_.deltas.push_back(v); });
                break;
            case 10:
                in.each_double([&](double v) { negative_.counts.push_back(v); });
                break;
            case 11:
                layout_.positive.push_back(read_span(in.message()));
                break;
            case 12:
                in.each_sint64([&](int64_t v) { positive_.deltas.push_back(v); });
                break;
            case 13:
                in.each_double([&](double v) { positive_.counts.push_back(v); });
                break;
            case 14:
                hint = reset_hint(in.uint64());
                break;
            case 15:
                times.t = in.int64();
                break;
            case 16:
                in.each_double([&](double v) { layout_.bounds.push_back(v); });
                break;
            case 17:
                times.start = in.int64();
                break;
            default:
                in.skip();
        }
    }
    if (times.t > latest) return times;
    bool floats = count.floats;
    positive_.append_to(cells_, floats);
    size_t positive = cells_.size();
    negative_.append_to(cells_, floats);
    HistogramCell count_cell = count.cell(floats), zero_cell = zero_count.cell(floats);
    out.add({layout_,
             floats,
             positive,
             cells_.size() - positive,
             {&count_cell, 1},
             {&zero_cell, 1},
             {&sum, 1},
             {&hint, 1},
             cells_});
    return times;
}

}  // namespace narthex
