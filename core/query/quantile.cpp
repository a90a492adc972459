#include "query/quantile.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <vector>

#include "chunk/stale.h"
#include "query/range_function.h"
#include "query/sorted_window.h"

namespace narthex {

namespace {

bool below(double a, double b) {
    return std::isnan(a) ? !std::isnan(b) : a < b;
}

struct Place {
    size_t lower;
    size_t upper;
    double weight;  // of the upper neighbour
};

Place place(double q, size_t n) {
    double rank = q * static_cast<double>(n - 1);
    double floor = std::floor(rank);
    size_t lower = floor > 0 ? static_cast<size_t>(floor) : 0;
    return {lower, std::min(n - 1, lower + 1), rank - floor};
}

double mix(double lower, double upper, double weight) {
    return lower * (1 - weight) + upper * weight;
}

// A double's bits as an integer that sorts like `below`: NaN first, then -Inf ... +Inf.
uint64_t sort_key(double v) {
    if (std::isnan(v)) return 0;
    auto bits = std::bit_cast<uint64_t>(v);
    return bits >> 63 ? ~bits : bits | 1ULL << 63;
}

// The ranks of a series' samples in a bit set: a window's k-th smallest is found by counting bits.
class RankWindow {
  public:
    void start(const Samples& s) {
        sort(s);
        bits_.assign((s.n + 63) / 64, 0);
        counts_.assign(bits_.size() / kBlock + 1, 0);
        first_ = last_ = 0;
    }
    // Moves on to the window of samples [lo, hi). Windows come in ascending order.
    void move(size_t lo, size_t hi) {
        for (; last_ < hi; ++last_) flip(rank_[last_], 1);
        for (; first_ < lo; ++first_) flip(rank_[first_], -1);
    }

    // The sample index of the k-th smallest in the window (k from 0), and of the next one if there is one.
    void pick(size_t k, size_t out[2]) const {
        size_t block = 0;
        while (k >= static_cast<size_t>(counts_[block])) k -= static_cast<size_t>(counts_[block++]);
        size_t word = block * kBlock;
        for (size_t c; k >= (c = static_cast<size_t>(std::popcount(bits_[word]))); ++word) k -= c;
        uint64_t w = bits_[word];
        for (; k > 0; --k) w &= w - 1;
        size_t rank = word * 64 + static_cast<size_t>(std::countr_zero(w));
        out[0] = out[1] = order_[rank];
        w &= w - 1;
        while (w == 0) {
            if (++word == bits_.size()) return;
            w = bits_[word];
        }
        out[1] = order_[word * 64 + static_cast<size_t>(std::countr_zero(w))];
    }

  private:
    static constexpr size_t kBlock = 8;  // words a counter

    void flip(uint32_t rank, int32_t change) {
        bits_[rank / 64] ^= 1ULL << (rank % 64);
        counts_[rank / (64 * kBlock)] += change;
    }

    // Radix sort by 11-bit digits; digits in which all keys agree are skipped.
    void sort(const Samples& s) {
        constexpr size_t kDigits = 6, kBits = 11, kSize = 1 << kBits;
        struct Item {
            uint64_t key;
            uint32_t index;
        };
        thread_local std::vector<Item> items, scratch;
        thread_local std::vector<std::array<uint32_t, kSize>> histogram(kDigits);
        items.resize(s.n);
        scratch.resize(s.n);
        for (auto& h : histogram) h.fill(0);
        for (size_t i = 0; i < s.n; ++i) {
            uint64_t key = sort_key(s.v[i]);
            items[i] = {key, static_cast<uint32_t>(i)};
            for (size_t d = 0; d < kDigits; ++d) ++histogram[d][key >> (d * kBits) & (kSize - 1)];
        }
        for (size_t d = 0; d < kDigits && s.n > 0; ++d) {
            auto& h = histogram[d];
            if (h[items[0].key >> (d * kBits) & (kSize - 1)] == s.n) continue;
            uint32_t total = 0;
            for (uint32_t& c : h) {
                uint32_t count = c;
                c = total;
                total += count;
            }
            for (const Item& item : items) scratch[h[item.key >> (d * kBits) & (kSize - 1)]++] = item;
            items.swap(scratch);
        }
        order_.resize(s.n);
        rank_.resize(s.n);
        for (size_t r = 0; r < s.n; ++r) {
            order_[r] = items[r].index;
            rank_[items[r].index] = static_cast<uint32_t>(r);
        }
    }

    std::vector<uint32_t> order_;  // rank to sample
    std::vector<uint32_t> rank_;   // sample to rank
    std::vector<uint64_t> bits_;
    std::vector<int32_t> counts_;
    size_t first_ = 0, last_ = 0;
};

// Whether sorting a series once pays, because its samples are in several windows each.
bool worth_sorting(const RangeCall& call, const Samples& s) {
    double window = mean_window(s, call.grid, call.range);
    return window * static_cast<double>(call.grid.count) > 3 * static_cast<double>(s.n) && window > 8;
}

void slide(const RangeCall& call, const Samples& s, double* out) {
    thread_local RankWindow window;
    window.start(s);
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        window.move(lo, hi);
        if (lo == hi) {
            out[k] = stale_nan();
        } else if (!degenerate_quantile(call.param[k], out[k])) {
            Place p = place(call.param[k], hi - lo);
            size_t at[2];
            window.pick(p.lower, at);
            out[k] = mix(s.v[at[0]], s.v[p.upper == p.lower ? at[0] : at[1]], p.weight);
        }
    });
}

// The median of the distances from the median; NaN as soon as one value is.
double deviation_of(std::vector<double>& values) {
    if (std::any_of(values.begin(), values.end(), [](double v) { return std::isnan(v); }))
        return normal_nan();
    double median = quantile_of(0.5, values.data(), values.size());
    for (double& v : values) v = std::fabs(v - median);
    return quantile_of(0.5, values.data(), values.size());
}

// The same of n values of which value(k) is the k-th smallest, unless any is NaN; false when the median is
// not finite. Distances below and above the median are two sorted lists, of which the middle of both together
// is found by bisection.
template <typename Value>
bool sorted_deviation(bool any_nan, Value&& value, size_t n, double& out) {
    if (any_nan) {
        out = normal_nan();
        return true;
    }
    Place p = place(0.5, n);
    double median = mix(value(p.lower), value(p.upper), p.weight);
    if (!std::isfinite(median)) return false;
    // In sorted order the first `lesser` values are not above the median.
    size_t lesser = p.lower + 1, greater = n - lesser;
    auto left = [&](size_t i) { return std::fabs(value(lesser - 1 - i) - median); };
    auto right = [&](size_t i) { return std::fabs(value(lesser + i) - median); };
    // The first `count` of both lists together: `from` of them are on the left.
    const size_t count = p.lower + 1;
    size_t from = count > greater ? count - greater : 0;
    for (size_t open = std::min(count, lesser) - from; open > 0;) {
        size_t half = open / 2, i = from + half;
        bool more = left(i) < right(count - 1 - i);
        from = more ? i + 1 : from;
        open = more ? open - half - 1 : half;
    }
    double lower = 0;
    if (from > 0) lower = left(from - 1);
    if (from < count) lower = std::max(lower, right(count - 1 - from));
    double upper = p.upper == p.lower ? lower : HUGE_VAL;
    if (p.upper > p.lower && from < lesser) upper = left(from);
    if (p.upper > p.lower && count - from < greater) upper = std::min(upper, right(count - from));
    out = mix(lower, upper, p.weight);
    return true;
}

}  // namespace

bool degenerate_quantile(double q, double& result) {
    if (q >= 0 && q <= 1) return false;
    result = std::isnan(q) ? normal_nan() : q < 0 ? -HUGE_VAL : HUGE_VAL;
    return true;
}

double quantile_of(double q, double* values, size_t n) {
    double result;
    if (degenerate_quantile(q, result)) return result;
    Place p = place(q, n);
    std::nth_element(values, values + p.lower, values + n, below);
    double lower = values[p.lower];
    double upper = p.upper == p.lower ? lower : *std::min_element(values + p.upper, values + n, below);
    return mix(lower, upper, p.weight);
}

void quantile_row(const RangeCall& call, const Samples& s, double* out) {
    if (worth_sorting(call, s)) return slide(call, s, out);
    thread_local std::vector<double> values;
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        call.check();
        values.assign(s.v + lo, s.v + hi);
        out[k] = lo == hi ? stale_nan() : quantile_of(call.param[k], values.data(), values.size());
    });
}

void deviation_row(const RangeCall& call, const Samples& s, double* out) {
    thread_local RankWindow ranks;
    thread_local SortedWindow sorted;
    thread_local std::vector<double> values;
    const bool slides = worth_sorting(call, s);
    const bool all_sorted = slides && mean_window(s, call.grid, call.range) <= SortedWindow::kMost;
    if (all_sorted) {
        sorted.start();
    } else if (slides) {
        ranks.start(s);
    }
    each_window(s, call.grid, call.range, [&](size_t k, size_t lo, size_t hi) {
        if (lo == hi) {
            out[k] = stale_nan();
            return;
        }
        bool told = false;
        if (all_sorted) {
            sorted.move(s.v, lo, hi);
            told = sorted_deviation(sorted.nans() > 0, [](size_t i) { return sorted[i]; }, hi - lo, out[k]);
        } else if (slides) {
            ranks.move(lo, hi);
            auto value = [&](size_t i) {
                size_t at[2];
                ranks.pick(i, at);
                return s.v[at[0]];
            };
            told = sorted_deviation(std::isnan(value(0)), value, hi - lo, out[k]);
        }
        if (told) return;
        call.check();
        values.assign(s.v + lo, s.v + hi);
        out[k] = deviation_of(values);
    });
}

}  // namespace narthex
