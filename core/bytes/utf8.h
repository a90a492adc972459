// Validation of UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string_view>

namespace narthex {

// Bytes of the longest valid prefix; equal to s.size() when all of it is valid.
size_t valid_utf8_prefix(std::string_view s);

inline bool is_utf8(std::string_view s) {
    return valid_utf8_prefix(s) == s.size();
}

}  // namespace narthex
