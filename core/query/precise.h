// Sums that lose almost nothing: Neumaier's compensated sum, and prefix sums of twice the precision of a
// double (Dekker 1971; Ogita, Rump, Oishi 2005) from which the sum of any window is one subtraction.
#pragma once

#include <cmath>
#include <cstddef>
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
inline Pair two_product(double a, double b) {
    constexpr double kSplit = 134217729;  // 2^27 + 1
    double p = a * b;
    double ta = kSplit * a, tb = kSplit * b;
    double ah = ta - (ta - a), bh = tb - (tb - b);
    double al = a - ah, bl = b - bh;
    return {p, ((ah * bh - p) + ah * bl + al * bh) + al * bl};
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
inline Pair operator*(Pair a, Pair b) {
    Pair p = two_product(a.hi, b.hi);
    return quick_two_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}
inline Pair operator/(Pair a, double b) {
    double q = a.hi / b;
    Pair r = a - two_product(q, b);
    return quick_two_sum(q, r.value() / b);
}

// Prefix sums of n values, each a sum and what its additions lost: sum(lo, hi) is the sum of values [lo, hi).
// Only for values that `fits` accepts.
class PrefixSums {
  public:
    // Whether sums over these values keep their digits: finite, and magnitudes within a factor of 2^20.
    static bool fits(const double* v, size_t n) {
        double least = HUGE_VAL, most = 0;
        bool finite = true;
        for (size_t i = 0; i < n; ++i) {
            double a = std::fabs(v[i]);
            finite &= a <= 1e280;
            most = a > most ? a : most;
            least = a < least && a > 0 ? a : least;
        }
        return finite && (most == 0 || (least >= most * 0x1p-20 && least > 1e-280));
    }

    // `value(i)` gives a Pair.
    template <typename F>
    void build(size_t n, F&& value) {
        sums_.resize(n + 1);
        Pair total;
        sums_[0] = total;
        for (size_t i = 0; i < n; ++i) {
            Pair x = value(i);
            Pair s = two_sum(total.hi, x.hi);
            total = {s.hi, total.lo + (s.lo + x.lo)};
            sums_[i + 1] = total;
        }
    }
    Pair sum(size_t lo, size_t hi) const {
        Pair a = sums_[lo], b = sums_[hi];
        Pair s = two_sum(b.hi, -a.hi);
        return quick_two_sum(s.hi, s.lo + (b.lo - a.lo));
    }

  private:
    std::vector<Pair> sums_;
};

}  // namespace narthex
