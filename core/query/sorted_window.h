// The values of a window that slides, in ascending order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace narthex {

// A sample that comes in takes the place of one that leaves: what lies between the two moves by one. That is
// two searches and, on average, a third of the window moved a sample, so it is for windows of some thousand
// samples.
class SortedWindow {
  public:
    static constexpr double kMost = 8192;  // mean samples a window up to which it is worth it

    void start() {
        values_.clear();
        first_ = last_ = nans_ = 0;
    }
    // Moves on to the values [lo, hi) of `v`. Windows come in ascending order.
    void move(const double* v, size_t lo, size_t hi) {
        if (lo >= last_) {
            start();
            first_ = last_ = lo;
        }
        while (first_ < lo && last_ < hi) replace(v[first_++], v[last_++]);
        while (last_ < hi) insert(v[last_++]);
        while (first_ < lo) erase(v[first_++]);
    }
    // How many values are NaN. The others are in order.
    size_t nans() const { return nans_; }
    double operator[](size_t k) const { return values_[k]; }

  private:
    // How many values are less than x; without branches, for nobody can foretell them.
    size_t below(double x) const {
        size_t from = 0;
        for (size_t n = values_.size(); n > 0;) {
            size_t half = n / 2;
            bool less = values_[from + half] < x;
            from = less ? from + half + 1 : from;
            n = less ? n - half - 1 : half;
        }
        return from;
    }
    void insert(double x) {
        if (std::isnan(x)) {
            ++nans_;
        } else {
            values_.insert(values_.begin() + static_cast<std::ptrdiff_t>(below(x)), x);
        }
    }
    void erase(double x) {
        if (std::isnan(x)) {
            --nans_;
        } else {
            values_.erase(values_.begin() + static_cast<std::ptrdiff_t>(below(x)));
        }
    }
    void replace(double old, double x) {
        if (std::isnan(old) || std::isnan(x)) {
            insert(x);
            erase(old);
            return;
        }
        double* values = values_.data();
        size_t from = below(old), to = below(x);
        if (from < to) {
            std::copy(values + from + 1, values + to, values + from);
            values[to - 1] = x;
        } else {
            std::copy_backward(values + to, values + from, values + from + 1);
            values[to] = x;
        }
    }

    std::vector<double> values_;
    size_t first_ = 0, last_ = 0, nans_ = 0;
};

}  // namespace narthex
