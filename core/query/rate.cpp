// rate, increase, delta: the difference between a window's ends, extrapolated to the window's edges.
// irate, idelta: the difference of a window's last two samples.
#include <cmath>
#include <limits>
#include <vector>

#include "chunk/stale.h"
#include "query/extrapolate.h"
#include "query/pivot.h"
#include "query/range_function.h"
#include "query/start_times.h"

namespace narthex {

namespace {

// A counter was reset where it fell (v[i] < v[i - 1]) or, by its start times, began anew. Each reset gives
// back what the counter had before, v[i - 1].
class Resets {
  public:
    void start(const Samples& s) {
        const double* v = s.v;
        int64_t falls = 0;  // as wide as what is compared, for the sake of vector instructions
        for (size_t i = 1; i < s.n; ++i) falls += v[i] < v[i - 1];
        none_ = falls == 0;
        if (s.starts) {
            for (size_t i = 1; i < s.n; ++i) none_ &= !began_anew(started(s, i - 1), started(s, i));
        }
        if (none_) return;
        lost_.resize(s.n);
        for (size_t i = 1; i < s.n; ++i) lost_[i] = v[i] < v[i - 1] ? v[i - 1] : 0;
        if (s.starts) {
            for (size_t i = 1; i < s.n; ++i)
                if (began_anew(started(s, i - 1), started(s, i))) lost_[i] = v[i - 1];
        }
        window_.start(0, s.n);
    }
    bool none() const { return none_; }

    // What resets inside samples (lo, hi) took away. Windows come in ascending order.
    double lost(size_t lo, size_t hi) {
        window_.move(
            lo, hi, 1,
            [this](size_t from, size_t to, double* before) {
                double sum = before[to - 1] = 0;
                for (size_t i = to - 1; i > from; --i) before[i - 1] = sum += lost_[i];
            },
            [this](double& after, size_t i) { after += lost_[i]; });
        return window_.before(lo) + window_.after();
    }

  private:
    std::vector<double> lost_;  // by the reset at a sample, 0 where there is none
    bool none_ = true;
    PivotWindow<double> window_;
};

}  // namespace

void rate_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local Resets kept;
    Resets& resets = kept;
    const bool counter = call.op != RangeOp::kDelta;
    const double scale = call.op == RangeOp::kRate ? static_cast<double>(call.range) / 1000 : 1;
    bool whole = true;
    if (counter) {
        resets.start(s);
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
        if (!whole) difference += resets.lost(lo, hi);
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
