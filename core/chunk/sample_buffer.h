// Two growing columns of samples whose new space is not cleared: decoding writes straight into it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

namespace narthex {

// Space is kept between uses, so one buffer a thread serves all series of a query.
class SampleBuffer {
  public:
    size_t size() const { return size_; }
    const int64_t* times() const { return times_.get(); }
    const double* values() const { return values_.get(); }
    int64_t* times() { return times_.get(); }
    double* values() { return values_.get(); }

    void clear() { size_ = 0; }
    void resize_down(size_t size) { size_ = size; }

    // Room for `more` samples after the present ones; they become part of the buffer with `commit`.
    void reserve_more(size_t more) {
        if (size_ + more <= capacity_) return;
        size_t capacity = capacity_ * 2 > size_ + more ? capacity_ * 2 : size_ + more;
        auto times = std::make_unique_for_overwrite<int64_t[]>(capacity);
        auto values = std::make_unique_for_overwrite<double[]>(capacity);
        if (size_ > 0) {
            std::memcpy(times.get(), times_.get(), size_ * sizeof(int64_t));
            std::memcpy(values.get(), values_.get(), size_ * sizeof(double));
        }
        times_.swap(times);
        values_.swap(values);
        capacity_ = capacity;
    }
    void commit(size_t added) { size_ += added; }

    void push(int64_t t, double v) {
        reserve_more(1);
        times_[size_] = t;
        values_[size_] = v;
        ++size_;
    }

    void swap(SampleBuffer& other) {
        times_.swap(other.times_);
        values_.swap(other.values_);
        std::swap(size_, other.size_);
        std::swap(capacity_, other.capacity_);
    }

  private:
    std::unique_ptr<int64_t[]> times_;
    std::unique_ptr<double[]> values_;
    size_t size_ = 0;
    size_t capacity_ = 0;
};

}  // namespace narthex
