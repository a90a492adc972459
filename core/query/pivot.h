// Aggregates over sliding windows that cannot be taken back sample by sample (two stacks, known from queues
// with a minimum): each sample is looked at a constant number of times, and nothing is ever subtracted.
#pragma once

#include <cstddef>
#include <vector>

namespace narthex {

// What is left of sums of so many times as much still has 2^-30 of precision in windows of some thousand
// samples.
inline constexpr double kEnoughLeft = 0x1p-14;

// A window is cut at a pivot. Of every start before the pivot, the state of the samples from there up to the
// pivot is kept; that of the samples from the pivot on runs along. When a window starts close to or beyond
// the pivot, its end becomes the new one: the sample before the pivot is always part of the window.
template <typename State>
class PivotWindow {
  public:
    void start(const State& none, size_t samples) {
        none_ = none;
        before_.resize(samples);
        pivot_ = next_ = 0;
    }
    // Moves on to samples [lo, hi), at least `least` (1 or more); so many at least then lie before the pivot.
    // Windows come in ascending order. `fill(lo, hi, before)` writes the states of the samples [i, hi) to
    // before[i], lo <= i <= hi - least; `extend(after, i)` adds sample i to those from the pivot on.
    template <typename Fill, typename Extend>
    void move(size_t lo, size_t hi, size_t least, Fill&& fill, Extend&& extend) {
        if (lo + least > pivot_) {
            fill(lo, hi, before_.data());
            pivot_ = next_ = hi;
            after_ = none_;
        }
        for (; next_ < hi; ++next_) extend(after_, next_);
    }
    const State& before(size_t lo) const { return before_[lo]; }
    const State& after() const { return after_; }
    size_t pivot() const { return pivot_; }

  private:
    std::vector<State> before_;
    State none_{}, after_{};
    size_t pivot_ = 0, next_ = 0;
};

}  // namespace narthex
