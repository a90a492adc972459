// The only white space inside a line of the exposition formats.
#pragma once

namespace narthex {

inline bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

}  // namespace narthex
