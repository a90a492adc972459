#include "query/classic_histogram.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "chunk/stale.h"
#include "query/quantile.h"

namespace narthex {

namespace {

// Differences of this relative size are rounding errors of the sums that made the counts.
constexpr double kTolerance = 1e-12;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Bucket {
    double bound;
    double count;  // cumulative
};

// Equal within `kTolerance` of their sum; near zero within that of the least normal double (the comparison of
// floating-point-gui.de).
bool nearly_equal(double a, double b) {
    constexpr double kLeast = std::numeric_limits<double>::min();
    if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
    if (a == b) return true;
    double sum = std::fabs(a) + std::fabs(b), difference = std::fabs(a - b);
    if (a == 0 || b == 0 || sum < kLeast) return difference < kTolerance * kLeast;
    return difference / std::min(sum, std::numeric_limits<double>::max()) < kTolerance;
}

// Cumulative counts cannot fall from one bucket to the next: a count below its neighbour's is lifted to it.
// Differences within rounding are levelled too; only real falls are noted in `repair`.
void level_counts(std::vector<Bucket>& buckets, size_t step, Repair& repair) {
    bool fell = false;
    for (size_t i = 1; i < buckets.size(); ++i) {
        Bucket& b = buckets[i];
        double floor = buckets[i - 1].count, fall = floor - b.count;
        bool rounding = nearly_equal(b.count, floor);
        if (rounding || fall > 0) b.count = floor;
        if (rounding || !(fall > 0)) continue;
        fell = true;
        repair.least_bound = std::min(repair.least_bound, b.bound);
        repair.greatest_bound = std::max(repair.greatest_bound, b.bound);
        repair.greatest_fall = std::max(repair.greatest_fall, fall);
    }
    if (!fell) return;
    if (repair.steps++ == 0) repair.first_step = step;
    repair.last_step = step;
}

double quantile(double q, std::vector<Bucket>& buckets, size_t step, Repair& repair) {
    double result;
    if (degenerate_quantile(q, result)) return result;
    if (buckets.back().bound != kInfinity) return normal_nan();
    level_counts(buckets, step, repair);
    if (buckets.size() < 2) return normal_nan();
    double total = buckets.back().count;
    if (total == 0) return normal_nan();
    double rank = q * total;
    // The first of all but the last bucket whose count reaches the rank; with NaN counts none does.
    size_t b = 0, end = buckets.size() - 1;
    while (b < end) {
        size_t middle = b + (end - b) / 2;
        if (buckets[middle].count >= rank) {
            end = middle;
        } else {
            b = middle + 1;
        }
    }
    if (b == buckets.size() - 1) return buckets[b - 1].bound;
    if (b == 0 && buckets[0].bound <= 0) return buckets[0].bound;
    double start = 0, count = buckets[b].count;
    if (b > 0) {
        start = buckets[b - 1].bound;
        count -= buckets[b - 1].count;
        rank -= buckets[b - 1].count;
    }
    return start + (buckets[b].bound - start) * (rank / count);
}

// Observations up to `v` (linear inside a bucket; none are known inside a bucket without end).
double rank_of(double v, const std::vector<Bucket>& buckets) {
    double below = 0;
    double start = buckets[0].bound <= 0 ? -kInfinity : 0;
    for (const Bucket& b : buckets) {
        if (v <= start) return below;
        if (v < b.bound) {
            if (start == -kInfinity) return b.count;
            return below + (b.count - below) * (v - start) / (b.bound - start);
        }
        below = b.count;
        start = b.bound;
    }
    return buckets.back().count;
}

double fraction(double lower, double upper, std::vector<Bucket>& buckets) {
    if (buckets.back().bound != kInfinity) return normal_nan();
    double total = buckets.back().count;
    if (total == 0 || std::isnan(lower) || std::isnan(upper)) return normal_nan();
    if (lower >= upper) return 0;
    double low = std::min(rank_of(lower, buckets), total), high = std::min(rank_of(upper, buckets), total);
    return (high - low) / total;
}

// Calls f(group, step, buckets sorted by bound) wherever a group has a bucket. Rows of one bound (from
// different spellings of a number) are added up.
template <typename F>
void each_histogram(const GroupedCells& in, const double* bounds, QueryBudget& budget, F&& f) {
    std::vector<std::vector<uint32_t>> groups(in.groups);
    for (size_t i = 0; i < in.ids.size(); ++i) {
        if (in.ids[i] >= in.groups) throw std::out_of_range("no such group");
        if (!std::isnan(bounds[i])) groups[in.ids[i]].push_back(static_cast<uint32_t>(i));
    }
    std::vector<Bucket> buckets;
    for (size_t g = 0; g < groups.size(); ++g) {
        budget.check();
        std::stable_sort(groups[g].begin(), groups[g].end(),
                         [&](uint32_t a, uint32_t b) { return bounds[a] < bounds[b]; });
        for (size_t k = 0; k < in.steps; ++k) {
            buckets.clear();
            for (uint32_t row : groups[g]) {
                double count = in.cells[row * in.steps + k];
                if (is_stale(count)) continue;
                if (!buckets.empty() && buckets.back().bound == bounds[row]) {
                    buckets.back().count += count;
                } else {
                    buckets.push_back({bounds[row], count});
                }
            }
            if (!buckets.empty()) f(g, k, buckets);
        }
    }
}

}  // namespace

std::vector<Repair> histogram_quantile(const GroupedCells& in, const double* bounds, const double* q,
                                       QueryBudget& budget, double* out) {
    std::vector<Repair> repairs(in.groups);
    std::fill(out, out + in.groups * in.steps, stale_nan());
    each_histogram(in, bounds, budget, [&](size_t group, size_t step, std::vector<Bucket>& buckets) {
        out[group * in.steps + step] = quantile(q[step], buckets, step, repairs[group]);
    });
    return repairs;
}

void histogram_fraction(const GroupedCells& in, const double* bounds, const double* lower,
                        const double* upper, QueryBudget& budget, double* out) {
    std::fill(out, out + in.groups * in.steps, stale_nan());
    each_histogram(in, bounds, budget, [&](size_t group, size_t step, std::vector<Bucket>& buckets) {
        out[group * in.steps + step] = fraction(lower[step], upper[step], buckets);
    });
}

}  // namespace narthex
