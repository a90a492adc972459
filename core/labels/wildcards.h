// Patterns made of literals and gaps: what is left of the usual regular expressions once their alternations
// are multiplied out (model/wildcards.py does that).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace narthex {

enum class Gap : uint8_t {
    kNone = 0,  // only before the first and behind the last literal
    kAny = 1,   // any text
    kSome = 2,  // any text but the empty one
};

// One alternative: gaps[0] literals[0] gaps[1] literals[1] ... gaps[n]. `gaps` has one more than `literals`.
struct Wildcard {
    std::vector<std::string> literals;
    std::vector<Gap> gaps;

    bool matches(std::string_view text) const;
};

inline bool matches_any(const std::vector<Wildcard>& alternatives, std::string_view text) {
    for (const Wildcard& w : alternatives) {
        if (w.matches(text)) return true;
    }
    return false;
}

}  // namespace narthex
