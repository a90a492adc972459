#include "text/histogram_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>

#include "text/number.h"

namespace narthex {

namespace {

constexpr int32_t kHighestExponent = 1024;

// 2^(1/2), 2^(1/4) ... The first is the double below the nearest: Prometheus' table of bounds is what comes
// out of multiplying from the coarse to the fine, and two servers must agree on every bit of a bound.
constexpr double kRoots[] = {0x1.6a09e667f3bccp+0, 0x1.306fe0a31b715p+0, 0x1.172b83c7d517bp+0,
                             0x1.0b5586cf9890fp+0, 0x1.059b0d3158574p+0, 0x1.02c9a3e778061p+0,
                             0x1.0163da9fb3335p+0, 0x1.00b1afa5abcbfp+0};
static_assert(std::size(kRoots) == kMaxSchema);

double exponential_bound(int32_t schema, int32_t index) {
    int64_t exponent = schema < 0 ? static_cast<int64_t>(index) * (int64_t{1} << -schema) : index >> schema;
    double fraction = 1;
    for (int32_t k = 1; k <= schema; ++k) {
        if ((index >> (schema - k) & 1) != 0) fraction *= kRoots[k - 1];
    }
    // The last regular bucket ends at the largest number: the one after it counts infinities.
    if (fraction == 1 && exponent == kHighestExponent) return std::numeric_limits<double>::max();
    return std::ldexp(fraction, static_cast<int>(std::clamp<int64_t>(exponent, -2000, 2000)));
}

void integer(int64_t value, bool is_unsigned, std::string& out) {
    char buffer[24];
    char* end = is_unsigned ? std::to_chars(buffer, buffer + 24, static_cast<uint64_t>(value)).ptr
                            : std::to_chars(buffer, buffer + 24, value).ptr;
    out.append(buffer, end);
}

void number(double value, std::string& out) {
    char buffer[kShortestSpace];
    out.append(buffer, write_shortest(buffer, value));
}

struct Bounds {
    double lower, upper;
    bool with_lower, with_upper;
};

Bounds bounds_of(const HistogramLayout& layout, int32_t index, bool positive) {
    double near = bucket_bound(layout, index - 1), far = bucket_bound(layout, index);
    Bounds b = positive ? Bounds{near, far, false, false} : Bounds{-far, -near, false, false};
    b.with_lower = layout.schema == kCustomBuckets ? index == 0 : b.lower < 0;
    b.with_upper = layout.schema == kCustomBuckets || b.upper > 0;
    return b;
}

class Writer {
  public:
    Writer(bool floats, std::string& out) : floats_(floats), out_(out) {}

    bool empty(HistogramCell cell) const { return floats_ ? cell.f == 0 : cell.i == 0; }
    void count(HistogramCell cell) { floats_ ? number(cell.f, out_) : integer(cell.i, true, out_); }
    void bucket(const Bounds& b, HistogramCell cell) {
        out_ += b.with_lower ? ", [" : ", (";
        number(b.lower, out_);
        out_ += ',';
        number(b.upper, out_);
        out_ += b.with_upper ? "]:" : "):";
        count(cell);
    }

  private:
    bool floats_;
    std::string& out_;
};

}  // namespace

double bucket_bound(const HistogramLayout& layout, int32_t index) {
    if (layout.schema != kCustomBuckets) return exponential_bound(layout.schema, index);
    if (index < 0) return -std::numeric_limits<double>::infinity();
    auto at = static_cast<size_t>(index);
    return at < layout.bounds.size() ? layout.bounds[at] : std::numeric_limits<double>::infinity();
}

void write_histogram(const HistogramColumns& samples, const HistogramRun& run, size_t sample,
                     std::string& out) {
    const HistogramLayout& layout = samples.layouts[run.layout];
    auto cells = samples.buckets(run, sample);
    Writer writer(run.floats, out);
    out += "{count:";
    writer.count(samples.counts[sample]);
    out += ", sum:";
    number(samples.sums[sample], out);
    auto positive = bucket_indices(layout.positive), negative = bucket_indices(layout.negative);
    for (size_t i = negative.size(); i-- > 0;) {
        HistogramCell cell = cells[positive.size() + i];
        if (!writer.empty(cell)) writer.bucket(bounds_of(layout, negative[i], false), cell);
    }
    if (!writer.empty(samples.zero_counts[sample])) {
        writer.bucket({-layout.zero_threshold, layout.zero_threshold, true, true},
                      samples.zero_counts[sample]);
    }
    for (size_t i = 0; i < positive.size(); ++i) {
        if (!writer.empty(cells[i])) writer.bucket(bounds_of(layout, positive[i], true), cells[i]);
    }
    out += '}';
}

}  // namespace narthex
