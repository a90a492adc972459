// A growing array whose elements never move.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace narthex {

// Paged storage with stable addresses and no slack to speak of.
template <typename T, size_t kPage>
class PagedVector {
  public:
    size_t size() const { return size_; }
    T& operator[](size_t i) { return pages_[i / kPage][i % kPage]; }
    const T& operator[](size_t i) const { return pages_[i / kPage][i % kPage]; }
    T& push_back(const T& value) {
        if (size_ % kPage == 0) pages_.push_back(std::make_unique<T[]>(kPage));
        T& at = pages_[size_ / kPage][size_ % kPage];
        at = value;
        ++size_;
        return at;
    }

  private:
    std::vector<std::unique_ptr<T[]>> pages_;
    size_t size_ = 0;
};

}  // namespace narthex
