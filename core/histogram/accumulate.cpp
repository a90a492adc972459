#include "histogram/accumulate.h"

#include <cmath>
#include <limits>
#include <utility>

namespace narthex {

namespace {

double magnitude(const FloatHistogramView& h) {
    double m = std::fabs(h.count) + std::fabs(h.sum) + std::fabs(h.zero_count);
    for (double c : h.positive.counts) m += std::fabs(c);
    for (double c : h.negative.counts) m += std::fabs(c);
    auto bounds = h.bounds();
    bool finite = bounds.empty() || (std::isfinite(bounds.front()) && std::isfinite(bounds.back()));
    return finite ? m : std::numeric_limits<double>::infinity();
}

bool any_infinite(std::span<const double> numbers) {
    for (double n : numbers) {
        if (std::isinf(n)) return true;
    }
    return false;
}

bool overflows(const FloatHistogramView& h) {
    return std::isinf(h.zero_count) || std::isinf(h.count) || std::isinf(h.sum) ||
           any_infinite(h.positive.counts) || any_infinite(h.negative.counts) || any_infinite(h.bounds());
}

}  // namespace

void HistogramSum::begin(const FloatHistogramView& first) {
    sum_.assign(first);
    rest_.begin(sum_);
    hints_.begin();
    hints_.see(first.hint);
}

Combined HistogramSum::add(const FloatHistogramView& more) {
    hints_.see(more.hint);
    Combined out = narthex::add(sum_, rest_, more);
    out.reset_collision = hints_.collide();
    return out;
}

FloatHistogram& HistogramSum::finish() {
    settle(sum_, rest_);
    return sum_;
}

void HistogramMean::begin(const FloatHistogramView& first) {
    value_.assign(first);
    rest_.begin(value_);
    hints_.begin();
    hints_.see(first.hint);
    n_ = 1;
    magnitude_ = magnitude(first);
    incremental_ = false;
}

Combined HistogramMean::add_to_sum(const FloatHistogramView& more, bool& overflowed) {
    overflowed = false;
    magnitude_ += magnitude(more);
    if (magnitude_ < std::numeric_limits<double>::max() / 2) return narthex::add(value_, rest_, more);
    spare_ = value_;
    spare_rest_ = rest_;
    Combined out = narthex::add(value_, rest_, more);
    overflowed = overflows(value_.view());
    if (overflowed) {
        std::swap(value_, spare_);
        std::swap(rest_, spare_rest_);
    }
    return out;
}

Combined HistogramMean::add(const FloatHistogramView& more) {
    hints_.see(more.hint);
    n_ += 1;
    Combined out;
    if (!incremental_) {
        out = add_to_sum(more, incremental_);
        out.reset_collision = hints_.collide();
        if (!incremental_ || out.incompatible) return out;
        value_.divide(n_ - 1);
        rest_.divide(n_ - 1);
    }
    double share = (n_ - 1) / n_;
    value_.multiply(share);
    rest_.multiply(share);
    spare_.assign(more);
    spare_.divide(n_);
    out |= narthex::add(value_, rest_, spare_.view());
    out.reset_collision = hints_.collide();
    return out;
}

FloatHistogram& HistogramMean::finish() {
    if (!incremental_) {
        value_.divide(n_);
        rest_.divide(n_);
    }
    settle(value_, rest_);
    return value_;
}

}  // namespace narthex
