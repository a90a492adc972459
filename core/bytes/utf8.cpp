#include "bytes/utf8.h"

#include <cstdint>
#include <cstring>

namespace narthex {

namespace {

// Length of the sequence that starts at p, 0 when it is not valid. `left` >= 1, p[0] >= 0x80.
size_t sequence(const uint8_t* p, size_t left) {
    auto tail = [&](size_t i) { return (p[i] & 0xc0) == 0x80; };
    uint8_t lead = p[0];
    if (lead < 0xc2) return 0;
    if (lead < 0xe0) return left >= 2 && tail(1) ? 2 : 0;
    if (lead < 0xf0) {
        if (left < 3 || !tail(1) || !tail(2)) return 0;
        if (lead == 0xe0 && p[1] < 0xa0) return 0;
        if (lead == 0xed && p[1] >= 0xa0) return 0;
        return 3;
    }
    if (lead > 0xf4 || left < 4 || !tail(1) || !tail(2) || !tail(3)) return 0;
    if (lead == 0xf0 && p[1] < 0x90) return 0;
    if (lead == 0xf4 && p[1] >= 0x90) return 0;
    return 4;
}

}  // namespace

size_t valid_utf8_prefix(std::string_view s) {
    const auto* p = reinterpret_cast<const uint8_t*>(s.data());
    size_t i = 0, n = s.size();
    while (i < n) {
        uint64_t word;
        while (n - i >= 8 && (std::memcpy(&word, p + i, 8), (word & 0x8080808080808080ULL) == 0)) i += 8;
        if (i == n) break;
        if (p[i] < 0x80) {
            ++i;
            continue;
        }
        size_t length = sequence(p + i, n - i);
        if (length == 0) break;
        i += length;
    }
    return i;
}

}  // namespace narthex
