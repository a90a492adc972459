// Many texts, sorted and distinct, in one piece of memory: what a look-up of label names or values gives.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace narthex {

class TextList {
  public:
    TextList() = default;
    // Sorts by bytes, drops repetitions and keeps the first `limit` (0: all).
    explicit TextList(std::vector<std::string_view> texts, size_t limit = 0);

    size_t size() const { return ends_.size(); }
    std::string_view operator[](size_t i) const {
        size_t start = i == 0 ? 0 : ends_[i - 1];
        return std::string_view(bytes_).substr(start, ends_[i] - start);
    }

  private:
    friend TextList merge_texts(std::span<const TextList* const> lists, size_t limit);
    void add(std::string_view text);

    std::string bytes_;
    std::vector<uint64_t> ends_;
};

// The union; the first `limit` of it (0: all).
TextList merge_texts(std::span<const TextList* const> lists, size_t limit);

}  // namespace narthex
