// rate, increase, delta: the difference between a window's ends, extrapolated to the window's edges.
// irate, idelta: the difference of a window's last two samples.
#include <algorithm>
#include <bit>
#include <type_traits>
#include <vector>

#include "chunk/stale.h"
#include "query/extrapolate.h"
#include "query/pivot.h"
#include "query/range_function.h"
#include "query/start_times.h"

namespace narthex {

namespace {

// Whether any of many numbers is negative (or, perhaps, NaN or -0), found with vector instructions, which
// comparisons would prevent.
class SignBits {
  public:
    void add(double x) { bits_ |= std::bit_cast<int64_t>(x); }
    bool any() const { return bits_ < 0; }

  private:
    int64_t bits_ = 0;
};

// A counter was reset where it fell (v[i] < v[i - 1]) or, by its start times, began anew. Each reset gives
// back what the counter had before, v[i - 1].
class Resets {
  public:
    void start(const Samples& s) {
        v_ = s.v;
        at_.clear();
        SignBits growth;
        for (size_t i = 1; i < s.n; ++i) growth.add(s.v[i] - s.v[i - 1]);
        if (growth.any() || s.starts) {
            for (size_t i = 1; i < s.n; ++i) {
                bool anew = s.starts && began_anew(started(s, i - 1), started(s, i));
                if (anew || s.v[i] < s.v[i - 1]) at_.push_back(i);
            }
        }
        first_ = last_ = 0;
        window_.start(0, at_.size());
    }
    bool none() const { return at_.empty(); }

    // Adds to each window's difference what resets inside of it, after `lo`, took away. Windows come in
    // ascending order.
    void give_back(const EvenWindows& w, double* differences) {
        for (size_t j = 0; j < w.count; ++j) add_lost(w.lo + j * w.by, w.hi + j * w.by, differences[j]);
    }

  private:
    // So many are added one by one, in the order in which they happened, as Prometheus does.
    static constexpr size_t kFew = 8;

    void add_lost(size_t lo, size_t hi, double& difference) {
        while (first_ < at_.size() && at_[first_] <= lo) ++first_;
        while (last_ < at_.size() && at_[last_] < hi) ++last_;
        if (first_ + kFew >= last_) {
            for (size_t i = first_; i < last_; ++i) difference += v_[at_[i] - 1];
            return;
        }
        window_.move(
            first_, last_, 1,
            [this](size_t from, size_t to, double* before) {
                double sum = 0;
                for (size_t i = to; i > from; --i) before[i - 1] = sum += v_[at_[i - 1] - 1];
            },
            [this](double& after, size_t i) { after += v_[at_[i] - 1]; });
        difference += window_.before(first_) + window_.after();
    }

    const double* v_ = nullptr;
    std::vector<size_t> at_;
    size_t first_ = 0, last_ = 0;  // resets of the window
    PivotWindow<double> window_;   // over resets
};

// Differences of the ends of windows of one shape, as rate, increase and delta take them.
struct Ends {
    const double* first;  // of the first window
    const double* last;
    size_t count;
    double* __restrict to;  // one difference a window

    // `by` is that of the windows, a constant where it can be: then the loops take vector instructions.
    template <typename By>
    void subtract(By by) const {
        for (size_t j = 0; j < count; ++j) to[j] = last[j * by] - first[j * by];
    }
    template <typename By>
    void extrapolate(By by, const Extrapolation& edges, double scale, bool counter) const {
        const double share = edges.share() / scale, safe = edges.safe();
        SignBits near_zero;
        if (counter) {
            for (size_t j = 0; j < count; ++j) near_zero.add(first[j * by] * safe - to[j]);
        }
        if (!near_zero.any()) {
            for (size_t j = 0; j < count; ++j) to[j] *= share;
            return;
        }
        for (size_t j = 0; j < count; ++j) {
            double from = first[j * by];
            to[j] *= from * safe < to[j] ? edges.share(from, to[j]) / scale : share;
        }
    }
};

// Calls f with `by`, as a constant when it is 1.
template <typename F>
void with_stride(size_t by, F&& f) {
    if (by == 1) {
        f(std::integral_constant<size_t, 1>{});
    } else {
        f(by);
    }
}

}  // namespace

void rate_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local Resets resets;
    const bool counter = call.op != RangeOp::kDelta;
    const double scale = call.op == RangeOp::kRate ? static_cast<double>(call.range) / 1000 : 1;
    bool whole = true;
    if (counter) {
        resets.start(s);
        whole = resets.none();
    }
    auto differences = [&](const EvenWindows& w) {
        Ends ends{s.v + w.lo, s.v + w.hi - 1, w.count, out + w.k};
        with_stride(w.by, [&](auto by) { ends.subtract(by); });
        if (!whole) resets.give_back(w, ends.to);
        return ends;
    };
    auto rates = [&](const EvenWindows& w) {
        if (w.hi - w.lo < 2) {
            std::fill_n(out + w.k, w.count, stale_nan());
            return;
        }
        Ends ends = differences(w);
        Extrapolation edges({call.grid.at(w.k), call.range, s.t[w.lo], s.t[w.hi - 1], w.hi - w.lo});
        with_stride(w.by, [&](auto by) { ends.extrapolate(by, edges, scale, counter); });
    };
    if (!counter || !s.starts) return each_even(s, call.grid, call.range, rates);
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        int64_t end = call.grid.at(k);
        EvenWindows window{k, 1, lo, hi, 0};
        if (lo == hi || !began_inside(started(s, lo), end - call.range)) return rates(window);
        differences(window);
        SampledWindow sampled{end, call.range, s.t[lo], s.t[hi - 1], hi - lo};
        out[k] = (out[k] + s.v[lo]) * (share_since(sampled, s.starts[lo]) / scale);
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
