// Sums that lose almost nothing: Neumaier's compensated sum, and prefix sums of twice the precision of a
// double (Ogita, Rump, Oishi 2005).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace narthex {

// Running compensated sum. Infinities and NaN behave as in a plain sum.
struct CompensatedSum {
    double sum = 0;
    double rest = 0;

    void add(double x) {
        double t = sum + x;
        if (std::isinf(t)) {
            rest = 0;
        } else if (std::fabs(sum) >= std::fabs(x)) {
            rest += (sum - t) + x;
        } else {
            rest += (x - t) + sum;
        }
        sum = t;
    }
    double value() const { return std::isinf(sum) ? sum : sum + rest; }
};

// A number as the unevaluated sum of two doubles, about 106 bits.
struct Pair {
    double hi = 0;
    double lo = 0;
    double value() const { return hi + lo; }
};

inline Pair two_sum(double a, double b) {
    double s = a + b;
    double z = s - a;
    return {s, (a - (s - z)) + (b - z)};
}
inline Pair quick_two_sum(double a, double b) {
    double s = a + b;
    return {s, b - (s - a)};
}
inline Pair operator+(Pair a, Pair b) {
    Pair s = two_sum(a.hi, b.hi);
    Pair t = two_sum(a.lo, b.lo);
    s = quick_two_sum(s.hi, s.lo + t.hi);
    return quick_two_sum(s.hi, s.lo + t.lo);
}
inline Pair operator-(Pair a) {
    return {-a.hi, -a.lo};
}
inline Pair operator-(Pair a, Pair b) {
    return a + -b;
}

// Values of at most that magnitude have a finite sum in any order.
inline constexpr double kMostAdded = 1e140;

// Prefix sums over a series: the sum of any window is one subtraction. What a difference of two prefix sums
// may have lost is bounded by what all of the series adds up to, so a window whose sum is far smaller than
// that is better added up by itself; so is one with values that are not finite.
class PrefixSums {
  public:
    void build(const double* v, size_t n) {
        sums_.resize(n + 1);
        unfit_.resize(n + 1);
        Pair total;
        uint32_t unfit = 0;
        double magnitude = 0;
        sums_[0] = total;
        unfit_[0] = unfit;
        for (size_t i = 0; i < n; ++i) {
            if (std::fabs(v[i]) <= kMostAdded) {
                Pair s = two_sum(total.hi, v[i]);
                total = quick_two_sum(s.hi, total.lo + s.lo);
                magnitude += std::fabs(v[i]);
            } else {
                ++unfit;
            }
            sums_[i + 1] = total;
            unfit_[i + 1] = unfit;
        }
        least_ = magnitude * kTrusted;
    }
    // Whether the values of samples [lo, hi) can be added up: finite and not enormous.
    bool fits(size_t lo, size_t hi) const { return unfit_[lo] == unfit_[hi]; }
    // The sum over samples [lo, hi).
    Pair sum(size_t lo, size_t hi) const { return sums_[hi] - sums_[lo]; }
    // Whether such a sum has all digits of a double. Zero has not: it may be a rest.
    bool trusts(double result) const { return std::fabs(result) > least_; }

  private:
    // A million additions lose at most 2^-84 of all that was added: 2^-44 and better of what is trusted.
    static constexpr double kTrusted = 0x1p-40;

    std::vector<Pair> sums_;
    std::vector<uint32_t> unfit_;
    double least_ = 0;
};

// Where the values of a series stay the same.
class EqualRuns {
  public:
    void find(const double* v, size_t n) {
        begin_.resize(n);
        for (size_t i = 0; i < n; ++i)
            begin_[i] = i > 0 && v[i] == v[i - 1] ? begin_[i - 1] : static_cast<uint32_t>(i);
    }
    // Whether all values of samples [lo, hi), at least one, are equal.
    bool covers(size_t lo, size_t hi) const { return begin_[hi - 1] <= lo; }

  private:
    std::vector<uint32_t> begin_;
};

}  // namespace narthex
