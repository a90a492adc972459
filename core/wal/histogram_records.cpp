#include "wal/histogram_records.h"

#include <bit>

#include "chunk/histogram_batch.h"

namespace narthex {

namespace {

HistogramCell read_float(ByteReader& in) {
    return {.f = std::bit_cast<double>(in.be64())};
}

// A count of things of at least `smallest` bytes.
size_t read_count(ByteReader& in, size_t smallest) {
    uint64_t n = in.uvarint();
    if (n > in.remaining() / smallest) in.fail("histogram has more parts than its record has room for");
    return static_cast<size_t>(n);
}

}  // namespace

WalRecord histogram_record(bool floats, bool custom_buckets, bool start_times) {
    if (start_times) return floats ? WalRecord::kFloatHistogramsV2 : WalRecord::kHistogramsV2;
    if (custom_buckets) return floats ? WalRecord::kCustomFloatHistograms : WalRecord::kCustomHistograms;
    return floats ? WalRecord::kFloatHistograms : WalRecord::kHistograms;
}

void HistogramReader::read_spans(ByteReader& in, std::vector<BucketSpan>& out) {
    size_t n = read_count(in, 2);
    out.clear();
    out.reserve(n);
    for (; n > 0; --n) {
        auto offset = static_cast<int32_t>(in.varint());
        out.push_back({offset, static_cast<uint32_t>(in.uvarint())});
    }
}

// Appends one side's buckets. Integers are written as differences to the bucket before.
void HistogramReader::read_buckets(ByteReader& in) {
    size_t n = read_count(in, value_.floats ? 8 : 1);
    uint64_t sum = 0;
    for (; n > 0; --n) {
        if (value_.floats) {
            cells_.push_back(read_float(in));
        } else {
            sum += static_cast<uint64_t>(in.varint());
            cells_.push_back({.i = static_cast<int64_t>(sum)});
        }
    }
}

bool HistogramReader::read(ByteReader& in) {
    auto number = [&]() -> HistogramCell {
        if (value_.floats) return read_float(in);
        return {.i = static_cast<int64_t>(in.uvarint())};
    };
    auto hint = in.u8();
    value_.hint = hint <= 3 ? static_cast<ResetHint>(hint) : ResetHint::kUnknown;
    layout_.schema = static_cast<int32_t>(in.varint());
    layout_.zero_threshold = std::bit_cast<double>(in.be64());
    value_.zero_count = number();
    value_.count = number();
    value_.sum = std::bit_cast<double>(in.be64());
    read_spans(in, layout_.positive);
    read_spans(in, layout_.negative);
    cells_.clear();
    read_buckets(in);
    size_t positive = cells_.size();
    read_buckets(in);
    layout_.bounds.clear();
    if (layout_.schema == kCustomBuckets) {
        for (size_t n = read_count(in, 8); n > 0; --n) layout_.bounds.push_back(read_float(in).f);
    }
    value_.layout = &layout_;
    value_.buckets = cells_;
    if (value_.stale()) {
        value_ = stale_histogram(value_.floats);
        return true;
    }
    if (check_layout(layout_, positive, cells_.size() - positive) != HistogramFault::kNone) return false;
    if (layout_.schema > kMaxSchema) reduce();
    return true;
}

void HistogramReader::reduce() {
    std::vector<uint32_t> to;
    layout_ = reduce_schema(layout_, kMaxSchema, to);
    std::vector<HistogramCell> coarse(layout_.width(), HistogramCell{.i = 0});
    for (size_t i = 0; i < to.size(); ++i) add_cell(coarse[to[i]], cells_[i], value_.floats);
    cells_ = std::move(coarse);
    value_.buckets = cells_;
}

namespace {

void write_buckets(std::span<const HistogramCell> buckets, bool floats, ByteWriter& out) {
    out.uvarint(buckets.size());
    uint64_t before = 0;
    for (HistogramCell c : buckets) {
        if (floats) {
            out.be64(std::bit_cast<uint64_t>(c.f));
        } else {
            out.varint(static_cast<int64_t>(static_cast<uint64_t>(c.i) - before));
            before = static_cast<uint64_t>(c.i);
        }
    }
}

}  // namespace

void write_histogram(const HistogramView& h, ByteWriter& out) {
    const HistogramLayout& layout = *h.layout;
    auto number = [&](HistogramCell c) {
        h.floats ? out.be64(std::bit_cast<uint64_t>(c.f)) : out.uvarint(static_cast<uint64_t>(c.i));
    };
    out.u8(static_cast<uint8_t>(h.hint));
    out.varint(layout.schema);
    out.be64(std::bit_cast<uint64_t>(layout.zero_threshold));
    number(h.zero_count);
    number(h.count);
    out.be64(std::bit_cast<uint64_t>(h.sum));
    for (const auto* spans : {&layout.positive, &layout.negative}) {
        out.uvarint(spans->size());
        for (BucketSpan s : *spans) {
            out.varint(s.offset);
            out.uvarint(s.length);
        }
    }
    size_t positive = layout.positive_buckets();
    write_buckets(h.buckets.first(positive), h.floats, out);
    write_buckets(h.buckets.subspan(positive), h.floats, out);
    if (layout.schema != kCustomBuckets) return;
    out.uvarint(layout.bounds.size());
    for (double bound : layout.bounds) out.be64(std::bit_cast<uint64_t>(bound));
}

void HistogramsRecord::add(uint64_t ref, int64_t t, int64_t start, const HistogramView& h) {
    bool first = empty();
    if (first) out_.u8(static_cast<uint8_t>(type_));
    if (type_ == WalRecord::kHistogramsV2 || type_ == WalRecord::kFloatHistogramsV2) {
        heads_.put(out_, ref, t, start);
    } else {
        if (first) {
            base_ref_ = ref;
            base_t_ = t;
            out_.be64(ref);
            out_.be64(static_cast<uint64_t>(t));
        }
        out_.varint(static_cast<int64_t>(ref - base_ref_));
        out_.varint(static_cast<int64_t>(static_cast<uint64_t>(t) - static_cast<uint64_t>(base_t_)));
    }
    write_histogram(h, out_);
}

}  // namespace narthex
