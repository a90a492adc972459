// Two native histograms with any numbers and any layout that storage would take: everything that is done with
// them ends, and what comes out is sound.
#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <limits>

#include "histogram/accumulate.h"
#include "histogram/bucket_walk.h"
#include "histogram/estimate.h"
#include "histogram/reset.h"
#include "histogram/trim.h"

using namespace narthex;

namespace {

struct Input {
    const uint8_t* data;
    size_t size;

    uint8_t byte() {
        if (size == 0) return 0;
        --size;
        return *data++;
    }
    uint64_t word(int bytes) {
        uint64_t w = 0;
        for (int k = 0; k < bytes; ++k) w = w << 8 | byte();
        return w;
    }
    // Small whole numbers, or any bits.
    double number() {
        uint8_t kind = byte();
        return kind < 200 ? kind / 8.0 : std::bit_cast<double>(word(8));
    }
};

Buckets side(Input& in, int64_t least, int64_t greatest) {
    Buckets out;
    int64_t index = least;
    for (size_t runs = in.byte() % 4; runs > 0; --runs) {
        int64_t gap = in.byte() < 128 ? in.byte() : static_cast<int64_t>(in.word(4));
        if (out.runs.empty() && least < 0 && in.byte() < 128) index = -20;
        index += gap;
        for (size_t n = in.byte() % 8; n > 0 && index < greatest; --n)
            out.push(static_cast<int32_t>(index++), in.number());
    }
    return out;
}

FloatHistogram histogram(Input& in) {
    FloatHistogram h;
    int32_t schema = kMinSchema + in.byte() % (kMaxSchema - kMinSchema + 2);
    h.hint = static_cast<ResetHint>(in.byte() % 4);
    h.count = in.number();
    h.sum = in.number();
    if (schema > kMaxSchema) {
        std::vector<double> bounds;
        for (size_t n = in.byte() % 8; n > 0; --n) {
            double bound = in.number();
            if (bounds.empty() ? bound == bound : bound > bounds.back()) bounds.push_back(bound);
        }
        h.schema = kCustomBuckets;
        h.positive = side(in, 0, static_cast<int64_t>(bounds.size()) + 1);
        h.bounds = std::make_shared<const std::vector<double>>(std::move(bounds));
        return h;
    }
    constexpr int64_t kLeast = std::numeric_limits<int32_t>::min(),
                      kMost = std::numeric_limits<int32_t>::max();
    h.schema = schema;
    h.zero_threshold = in.number();
    h.zero_count = in.number();
    h.positive = side(in, kLeast, kMost);
    h.negative = side(in, kLeast, kMost);
    return h;
}

void check(bool holds) {
    if (!holds) std::abort();
}

void check_side(const Buckets& b) {
    size_t width = 0;
    int64_t end = std::numeric_limits<int64_t>::min();
    for (BucketRun run : b.runs) {
        check(run.length > 0 && run.first > end && run.end() <= std::numeric_limits<int32_t>::max());
        end = run.end();
        width += run.length;
    }
    check(b.counts.size() == width);
}

size_t width(const FloatHistogram& h) {
    return h.positive.counts.size() + h.negative.counts.size();
}

void check_sound(const FloatHistogram& h) {
    check_side(h.positive);
    check_side(h.negative);
    check(h.custom() == (h.bounds != nullptr));
    if (h.custom() && !h.positive.runs.empty())
        check(h.positive.runs[0].first >= 0 &&
              h.positive.runs.back().end() <= static_cast<int64_t>(h.bounds->size()) + 1);
    size_t walked = 0, back = 0;
    for (BucketWalk walk(h.view()); walk.next(); ++walked) walk.bucket();
    for (BucketWalk walk(h.view(), true); walk.next(); ++back) walk.bucket();
    check(walked == back && walked == width(h) + (h.zero_count > 0));
    for (double q : {0.0, 0.3, 0.9, 1.0}) quantile(h.view(), q);
    fraction(h.view(), -1, 3);
    variance(h.view());
    for (double value : {-1.5, 0.0, 2.5}) {
        for (bool below : {true, false}) {
            FloatHistogram trimmed = h;
            trim(trimmed, value, below);
            check_side(trimmed.positive);
            check_side(trimmed.negative);
            check(width(trimmed) <= width(h));
        }
    }
}

template <typename Accumulator>
void accumulate(const FloatHistogram& a, const FloatHistogram& b) {
    Accumulator all;
    all.begin(a.view());
    if (all.add(b.view()).incompatible) return;
    all.add(a.view());
    check_sound(all.finish());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    Input in{data, size};
    FloatHistogram a = histogram(in), b = histogram(in);
    check_sound(a);
    check_sound(b);
    check(a.view().equals(a.view()) || a.zero_threshold != a.zero_threshold);
    counter_reset(a.view(), b.view());
    counter_reset(b.view(), a.view());
    FloatHistogram sum = a, difference = a;
    bool apart = a.custom() != b.custom();
    check(add(sum, b.view()).incompatible == apart && subtract(difference, b.view()).incompatible == apart);
    check(width(sum) <= width(a) + width(b));
    check_sound(sum);
    check_sound(difference);
    difference.compact();
    check_sound(difference);
    accumulate<HistogramSum>(a, b);
    accumulate<HistogramMean>(a, b);
    reduce_schema(a, kMinSchema);
    check_sound(a);
    return 0;
}
