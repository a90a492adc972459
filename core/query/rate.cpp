// rate, increase, delta: the difference between a window's ends, extrapolated to the window's edges.
// irate, idelta: the difference of a window's last two samples.
#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "chunk/stale.h"
#include "query/extrapolate.h"
#include "query/precise.h"
#include "query/range_function.h"
#include "query/start_times.h"

namespace narthex {

namespace {

constexpr size_t kManyResets = 16;  // resets a window from which prefix sums beat adding them up

// Positions i at which a counter fell (v[i] < v[i - 1]) or, by its start times, began anew, and what each one
// gives back: v[i - 1].
class Resets {
  public:
    void find(const Samples& s, double window) {
        at_.clear();
        lost_.clear();
        auto add = [&](size_t i) {
            at_.push_back(i);
            lost_.push_back(s.v[i - 1]);
        };
        if (s.starts) {
            for (size_t i = 1; i < s.n; ++i)
                if (s.v[i] < s.v[i - 1] || began_anew(started(s, i - 1), started(s, i))) add(i);
        } else {
            for (size_t i = 1; i < s.n; ++i)
                if (s.v[i] < s.v[i - 1]) add(i);
        }
        double density = s.n == 0 ? 0 : static_cast<double>(at_.size()) / static_cast<double>(s.n);
        summed_ = density * window > kManyResets;
        if (summed_) prefix_.build(lost_.data(), lost_.size(), [&](size_t i) { return Pair{lost_[i], 0}; });
        first_ = last_ = 0;
    }
    bool none() const { return at_.empty(); }

    // Adds to `difference` what resets inside samples (lo, hi) took away. Windows come in ascending order.
    double repair(double difference, size_t lo, size_t hi) {
        while (first_ < at_.size() && at_[first_] <= lo) ++first_;
        if (summed_) {
            while (last_ < at_.size() && at_[last_] < hi) ++last_;
            Pair lost = prefix_.sum(first_, last_);
            if (std::isfinite(difference) && prefix_.fits(first_, last_) && prefix_.trusts(lost.value()))
                return (Pair{difference, 0} + lost).value();
        }
        for (size_t k = first_; k < at_.size() && at_[k] < hi; ++k) difference += lost_[k];
        return difference;
    }

  private:
    std::vector<size_t> at_;
    std::vector<double> lost_;
    PrefixSums prefix_;
    bool summed_ = false;
    size_t first_ = 0;
    size_t last_ = 0;
};

}  // namespace

void rate_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local Resets resets;
    const bool counter = call.op != RangeOp::kDelta;
    const double scale = call.op == RangeOp::kRate ? static_cast<double>(call.range) / 1000 : 1;
    bool whole = true;
    if (counter) {
        resets.find(s, mean_window(s, call.grid, call.range));
        whole = resets.none();
    }
    const bool starts = counter && s.starts;
    each_window(s, call.grid, call.range, [&, starts](size_t k, size_t lo, size_t hi) {
        int64_t end = call.grid.at(k);
        bool began = starts && lo < hi && began_inside(started(s, lo), end - call.range);
        if (hi - lo < 2 && !began) {
            out[k] = stale_nan();
            return;
        }
        SampledWindow window{end, call.range, s.t[lo], s.t[hi - 1], hi - lo};
        double first = s.v[lo];
        double difference = s.v[hi - 1] - first;
        if (!whole) difference = resets.repair(difference, lo, hi);
        if (began) {
            out[k] = (difference + first) * (share_since(window, s.starts[lo]) / scale);
            return;
        }
        double to_zero = std::numeric_limits<double>::infinity();
        if (counter && difference > 0 && first >= 0) to_zero = window.sampled() * (first / difference);
        out[k] = difference * (extrapolated_share(window, to_zero) / scale);
    });
}

void instant_rate_row(const RangeCall& call, const Samples& s, double* out) {
    const bool rate = call.op == RangeOp::kIrate;
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (hi - lo < 2) {
            out[k] = stale_nan();
            return;
        }
        double last = s.v[hi - 1], before = s.v[hi - 2];
        if (!rate) {
            out[k] = last - before;
            return;
        }
        // After a reset the counter counted from 0.
        bool anew = last < before || (s.starts && began_anew(started(s, hi - 2), started(s, hi - 1)));
        double difference = anew ? last : last - before;
        out[k] = difference / (static_cast<double>(s.t[hi - 1] - s.t[hi - 2]) / 1000);
    });
}

}  // namespace narthex
