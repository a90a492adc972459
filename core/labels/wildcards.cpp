#include "labels/wildcards.h"

namespace narthex {

namespace {

size_t least(Gap gap) {
    return gap == Gap::kSome ? 1 : 0;
}

}  // namespace

bool Wildcard::matches(std::string_view text) const {
    size_t n = literals.size();
    if (n == 0) return gaps[0] == Gap::kNone ? text.empty() : text.size() >= least(gaps[0]);
    // What is anchored comes first: it decides most texts.
    size_t begin = 0, end = text.size(), first = 0, last = n;
    if (gaps[0] == Gap::kNone) {
        if (!text.starts_with(literals[0])) return false;
        begin = literals[0].size();
        first = 1;
        if (n == 1 && gaps[1] == Gap::kNone) return begin == end;
    }
    if (gaps[n] == Gap::kNone && last > first) {
        const std::string& tail = literals[n - 1];
        if (end - begin < tail.size() || !text.ends_with(tail)) return false;
        end -= tail.size();
        last = n - 1;
    }
    // The leftmost place of each literal leaves the most room for the next.
    for (size_t i = first; i < last; ++i) {
        begin += least(gaps[i]);
        if (begin > end) return false;
        size_t at = text.substr(0, end).find(literals[i], begin);
        if (at == std::string_view::npos) return false;
        begin = at + literals[i].size();
    }
    return begin + least(gaps[last]) <= end;
}

}  // namespace narthex
