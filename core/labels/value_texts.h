// The values of one label as one text, for matching many of them at once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "labels/wildcards.h"

namespace narthex {

// Between two values stands kBreak. RE2 matches no byte 0xff but by \C, so no expression can reach over a
// break, and the newlines on both sides let (?m) ^ and $ hold at the ends of a value. Values that hold a
// newline or are not UTF-8 are kept apart.
class ValueTexts {
  public:
    static constexpr std::string_view kBreak = "\n\xff\n";

    // `id` is the source's own number for the value, see MatchTerm::ids. Ids ascend.
    void add(std::string_view value, uint32_t id);
    void reserve(size_t values, size_t bytes);

    // Every value but the odd ones, each followed by kBreak.
    const std::string& text() const { return text_; }
    size_t size() const { return starts_.size() + odd_.size(); }
    struct Odd {
        std::string value;
        uint32_t id;
    };
    const std::vector<Odd>& odd() const { return odd_; }

    // Ids, ascending, of values that match one of `alternatives`; of all others with `negate`.
    std::vector<uint32_t> matching(const std::vector<Wildcard>& alternatives, bool negate) const;
    // Ids of the values that lie in ranges [spans[2i], spans[2i + 1]) of text(), and of the odd values in
    // `odd` (ids); of all others with `negate`. Both ascend.
    std::vector<uint32_t> within(std::span<const int64_t> spans, std::span<const uint32_t> odd,
                                 bool negate) const;

    // How many values the label had when this was made: values added later have a position from here on.
    size_t seen = 0;

  private:
    std::string text_;
    std::vector<uint64_t> starts_;
    std::vector<uint32_t> ids_;  // of the values in text_
    std::vector<Odd> odd_;
};

}  // namespace narthex
