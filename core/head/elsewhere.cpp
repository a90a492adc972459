// Open chunks that are kept beside Series: those of native histograms.
#include <algorithm>
#include <bit>

#include "chunk/histogram_follow.h"
#include "head/chunk_file.h"
#include "head/head.h"

namespace narthex {

namespace {

constexpr size_t kTargetBytes = 1024;
constexpr unsigned kMinSamples = 10;

}  // namespace

std::span<const uint8_t> Head::open_elsewhere(const Series& s) const {
    const OpenHistogram* open = table_.extras.histogram(s);
    return open == nullptr ? std::span<const uint8_t>() : open->bytes();
}

void Head::release_open(Series& s) {
    if (s.size == kElsewhere) {
        table_.extras.find(s)->histogram.reset();
        s.size = 0;
    } else if (s.size > 0) {
        open_.release(s);
    }
}

void Head::count_histogram(Series& s, size_t buckets) {
    auto& counted = table_.extras.of(s).buckets;
    counts_.histogram_series += !counted;
    counts_.histogram_buckets += buckets - counted.value_or(0);
    counted = buckets;
}

void Head::uncount_histogram(Series& s) {
    SeriesExtra* extra = table_.extras.find(s);
    if (extra == nullptr || !extra->buckets) return;
    --counts_.histogram_series;
    counts_.histogram_buckets -= *extra->buckets;
    extra->buckets.reset();
}

void Head::forget_newest(Series& s) {
    counts_.stale_series -= s.v == kStaleNaNBits;
    s.v = 0;
    s.encoding = kEncodingXor;
    uncount_histogram(s);
}

bool Head::same_as_newest(const Series& s, const HistogramView& value) const {
    if (!newest_is_histogram(s)) return false;
    if (const OpenHistogram* open = table_.extras.histogram(s)) return same_histogram(value, open->last());
    HeadChunk c = read_head_chunk(closed_.entry(closed_[s.closed]));
    HistogramColumns samples;
    try {
        histogram_decode(c.bytes, c.encoding, s.t, s.t, samples);
    } catch (const DecodeError&) {
        return false;  // queries will say so
    }
    return samples.size() > 0 && same_histogram(value, HistogramWalk(samples).at(samples.size() - 1));
}

bool Head::append_elsewhere(Series& s, int64_t t, uint64_t bits) {
    if (newest_is_histogram(s) && bits == kStaleNaNBits) {
        // The end of a series of histograms, told by somebody who does not know that it is one.
        append(s, t, 0, stale_histogram(is_float_histogram(s.encoding)));
        return true;
    }
    if (s.size > 0) close_chunk(s);
    uncount_histogram(s);
    return false;
}

// Cuts by size: a chunk that has reached a quarter of the wanted size foresees when the rest of its range can
// be spread evenly. Prometheus' rules, see histogramsAppendPreprocessor.
bool Head::is_due(Series& s, OpenHistogram& open, int64_t t) const {
    auto since = [&](int64_t time) { return static_cast<uint64_t>(time) - static_cast<uint64_t>(s.mint); };
    uint64_t range_end = open.paced ? range_after(s.mint) : s.cut_after;
    size_t bytes = open.bytes().size();
    if (!open.paced && bytes >= kTargetBytes / 4) {
        double full = static_cast<double>(kTargetBytes) / static_cast<double>(bytes);
        double pieces = static_cast<double>(s.cut_after) / (static_cast<double>(since(s.t) + 1) * full);
        if (pieces > 1) s.cut_after = static_cast<uint32_t>(s.cut_after / static_cast<uint64_t>(pieces));
        open.paced = true;
    }
    bool due = since(t) >= s.cut_after || bytes >= 2 * kTargetBytes;
    return due && (open.samples() >= kMinSamples || since(t) >= range_end);
}

void Head::append(Series& s, int64_t t, int64_t start, const HistogramView& value) {
    uint8_t encoding = histogram_encoding(value.floats, false);
    ResetHint begin = value.hint == ResetHint::kNotReset ? ResetHint::kUnknown : value.hint;
    OpenHistogram* open = table_.extras.histogram(s);
    bool follows = open != nullptr && s.encoding == encoding && open->takes(value, begin);
    if (follows && is_due(s, *open, t)) {
        follows = false;
        if (begin == ResetHint::kUnknown) begin = ResetHint::kNotReset;
    }
    if (!follows) {
        if (s.size > 0) close_chunk(s);
        s.size = kElsewhere;
        begin_chunk(s, t, encoding);
        auto& kept = table_.extras.of(s).histogram;
        kept = std::make_unique<OpenHistogram>(encoding, begin, value);
        open = kept.get();
    }
    open->append(t, start, value);
    s.samples = static_cast<uint16_t>(open->samples());
    set_newest(s, t, std::bit_cast<uint64_t>(value.sum));
    count_histogram(s, open->width());
}

}  // namespace narthex
