// Open chunks of other things than XOR floats: XOR2 floats, and native histograms, which are kept beside
// Series.
#include <algorithm>
#include <bit>

#include "chunk/histogram_follow.h"
#include "chunk/xor2_encoder.h"
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
        if (s.encoding == kEncodingXor2 && s.extra != 0) table_.extras.find(s)->xor2.reset();
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

void Head::append_xor2(Series& s, int64_t t, int64_t start, uint64_t bits) {
    unsigned n = s.size == 0 ? 0 : s.samples;
    Xor2State state;
    SeriesExtra* extra = table_.extras.find(s);
    Xor2Rest* rest = extra == nullptr ? nullptr : extra->xor2.get();
    if (n == 0) {
        constexpr uint8_t kNoStarts[8] = {};
        open_.open(s);
        open_.write(s, 2, kNoStarts, 1);
        s.free_bits = 0;
        begin_chunk(s, t, kEncodingXor2);
    } else {
        state = {s.t, s.v, s.delta, s.leading, s.trailing, {}};
        if (rest != nullptr) state.v = rest->window, state.starts = rest->starts;
    }
    XorBits out(s.free_bits > 0 ? open_.last_byte(s) : 0, s.free_bits);
    xor2_encode(state, n, t, bits, encoding_.store_starts ? start : 0, out);
    open_.write(s, s.size - (s.free_bits > 0 ? 1u : 0u), out.data(), out.size());
    uint8_t header = state.starts.header();
    if (rest == nullptr && (header != 0 || state.v != bits)) {
        table_.extras.of(s).xor2 = std::make_unique<Xor2Rest>();
        rest = table_.extras.find(s)->xor2.get();
    }
    if (rest != nullptr) {
        *rest = {state.v, state.starts};
        open_.set_byte(s, 2, header);
    }
    s.samples = static_cast<uint16_t>(n + 1);
    set_newest(s, t, bits);
    s.delta = static_cast<uint32_t>(state.delta);
    s.free_bits = static_cast<uint8_t>(out.free_bits());
    s.leading = state.leading;
    s.trailing = state.trailing;
}

bool Head::append_elsewhere(Series& s, int64_t t, int64_t start, uint64_t bits) {
    if (s.size > 0 && s.encoding == kEncodingXor2) {
        if (is_due(s, t, kXor2MaxSample)) close_chunk(s);
        if (s.size == 0 && !encoding_.xor2) return false;
        append_xor2(s, t, start, bits);
        return true;
    }
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
    uint8_t encoding = histogram_encoding(value.floats, encoding_.histogram_starts);
    if (!encoding_.store_starts) start = 0;
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
