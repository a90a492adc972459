#include <bit>
#include <cmath>

#include "chunk/histogram.h"
#include "chunk/varbit.h"
#include "chunk/xor_encoder.h"

namespace narthex {

namespace {

constexpr uint8_t kBitsOfHint[4] = {0b00, 0b10, 0b01, 0b11};
// The greatest bound in thousandths that has a short form.
constexpr double kMaxShortBound = 33554430;

void put_zero_threshold(BitWriter& out, double threshold) {
    if (threshold == 0) {
        out.put(0, 8);
        return;
    }
    int exponent;
    double fraction = std::frexp(threshold, &exponent);
    if (fraction == 0.5 && exponent >= -242 && exponent <= 11) {
        out.put(static_cast<uint64_t>(exponent + 243), 8);
        return;
    }
    out.put(255, 8);
    out.put(std::bit_cast<uint64_t>(threshold), 64);
}

void put_spans(BitWriter& out, std::span<const BucketSpan> spans) {
    put_varbit_uint(out, spans.size());
    for (BucketSpan s : spans) {
        put_varbit_uint(out, s.length);
        put_varbit_int(out, s.offset);
    }
}

void put_bound(BitWriter& out, double bound) {
    double thousandths = bound * 1000;
    if (thousandths >= 0 && thousandths <= kMaxShortBound) {
        double whole = std::round(thousandths);
        if (whole / 1000 == bound) {
            put_varbit_uint(out, static_cast<uint64_t>(whole) + 1);
            return;
        }
    }
    out.put(0, 1);
    out.put(std::bit_cast<uint64_t>(bound), 64);
}

}  // namespace

HistogramAppender::HistogramAppender(uint8_t encoding, ResetHint header, HistogramLayout layout)
    : encoding_(encoding), header_(header), layout_(std::move(layout)), out_(kHistogramHeader) {
    positive_ = layout_.positive_buckets();
}

void HistogramAppender::write_layout() {
    put_zero_threshold(out_, layout_.zero_threshold);
    put_varbit_int(out_, layout_.schema);
    put_spans(out_, layout_.positive);
    put_spans(out_, layout_.negative);
    if (layout_.schema != kCustomBuckets) return;
    put_varbit_uint(out_, layout_.bounds.size());
    for (double bound : layout_.bounds) put_bound(out_, bound);
}

void HistogramAppender::write_header() {
    auto flags = static_cast<uint8_t>(kBitsOfHint[static_cast<size_t>(header_)] << 6);
    bool starts = is_histogram_with_start_times(encoding_);
    out_[0] = static_cast<uint8_t>(samples_ >> 8 | (starts ? flags : 0));
    out_[1] = static_cast<uint8_t>(samples_);
    out_[2] = starts ? starts_.header() : flags;
}

void HistogramAppender::put_integer(Integer& state, uint64_t value) {
    uint64_t delta = value - state.v;
    put_varbit_int(out_, static_cast<int64_t>(delta - state.delta));
    state = {value, delta};
}

void HistogramAppender::put_float(Float& state, double value) {
    if (samples_ == 0) {
        state.v = std::bit_cast<uint64_t>(value);
        out_.put(state.v, 64);
    } else {
        put_xor_value(state, std::bit_cast<uint64_t>(value), out_);
    }
}

void HistogramAppender::put_counts(const HistogramSample& sample, bool stale) {
    if (is_float_histogram(encoding_)) {
        put_float(float_count_, stale ? 0 : sample.count.f);
        put_float(float_zero_count_, stale ? 0 : sample.zero_count.f);
        return;
    }
    HistogramCell zero{};
    const HistogramCell* values[2] = {stale ? &zero : &sample.count, stale ? &zero : &sample.zero_count};
    Integer* states[2] = {&count_, &zero_count_};
    for (size_t k = 0; k < 2; ++k) {
        auto value = static_cast<uint64_t>(values[k]->i);
        if (samples_ == 0) {
            put_varbit_uint(out_, value);
            states[k]->v = value;
        } else if (stale) {
            put_varbit_int(out_, 0);  // whatever that means for the count: nobody looks at it
        } else {
            put_integer(*states[k], value);
        }
    }
}

void HistogramAppender::put_buckets(std::span<const HistogramCell> buckets) {
    if (is_float_histogram(encoding_)) {
        floats_.resize(buckets.size());
        for (size_t k = 0; k < buckets.size(); ++k) put_float(floats_[k], buckets[k].f);
        return;
    }
    integers_.resize(buckets.size());
    uint64_t before = 0;
    for (size_t k = 0; k < buckets.size(); ++k) {
        if (k == positive_) before = 0;
        auto value = static_cast<uint64_t>(buckets[k].i);
        put_integer(integers_[k], value - before);
        // The first sample has no difference to go on from.
        if (samples_ == 0) integers_[k].delta = 0;
        before = value;
    }
}

void HistogramAppender::append(const HistogramSample& sample) {
    bool stale = is_stale(sample.sum);
    if (samples_ == 0) {
        if (stale) layout_ = {};
        write_layout();
    }
    int64_t before = t_;
    t_ = sample.t;
    put_integer(time_, static_cast<uint64_t>(sample.t));
    if (samples_ == 0) time_.delta = 0;
    put_counts(sample, stale);
    put_float(sum_, sample.sum);
    if (!stale) put_buckets(sample.buckets);
    if (is_histogram_with_start_times(encoding_)) starts_.put(out_, samples_, t_, before, sample.start);
    ++samples_;
    write_header();
}

}  // namespace narthex
